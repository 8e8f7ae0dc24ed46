#include "runtime/identify/parts.h"

#include <algorithm>
#include <utility>

namespace tenon {
namespace {

// Takes a name under another reading of the wrappers in front of it: names with and without a wrapper are mixed.
bool take_mixed(PartDraft& draft, std::string_view name, std::uint32_t tensor, const Wrappers& wrappers) {
  Candidate& candidate = draft.candidate;
  if (candidate.form == nullptr) return false;
  const std::string core = wrappers.core(candidate.prefix);
  for (const std::size_t length : wrappers.strippings(name)) {
    const auto rest = name.substr(length);
    if (!rest.starts_with(core)) continue;
    const auto found = claim(*candidate.form, rest.substr(core.size()), tensor);
    if (!found) continue;
    candidate.claims.push_back(*found);
    std::string prefix(name.substr(0, length + core.size()));
    auto& prefixes = candidate.prefixes;
    if (std::find(prefixes.begin(), prefixes.end(), prefix) == prefixes.end()) prefixes.push_back(std::move(prefix));
    return true;
  }
  return false;
}

// The part around a name: the one with the longest prefix of it; the first (the largest) where none has one.
PartDraft& part_around(std::vector<PartDraft>& drafts, std::string_view name) {
  PartDraft* around = &drafts.front();
  std::size_t longest = 0;
  for (PartDraft& draft : drafts) {
    for (const std::string& prefix : draft.candidate.prefixes) {
      if (prefix.size() <= longest || !name.starts_with(prefix)) continue;
      around = &draft;
      longest = prefix.size();
    }
  }
  return *around;
}

void assign_leftovers(const Checkpoint& checkpoint, std::vector<PartDraft>& drafts, const Wrappers& wrappers) {
  std::vector<bool> taken(checkpoint.tensors.size(), false);
  for (const PartDraft& draft : drafts) {
    for (const std::uint32_t tensor : draft.candidate.tensors) taken[tensor] = true;
  }
  for (std::uint32_t t = 0; t < checkpoint.tensors.size(); ++t) {
    if (taken[t]) continue;
    const std::string& name = checkpoint.tensors[t].name;
    const bool mixed = std::any_of(drafts.begin(), drafts.end(), [&](PartDraft& draft) { return take_mixed(draft, name, t, wrappers); });
    if (mixed) continue;
    PartDraft& around = part_around(drafts, name);
    if (const HarmlessTemplate* harmless = wrappers.harmless(name)) {
      around.harmless.push_back({t, harmless->because, false, {}});
    } else {
      around.leftover.push_back(t);
    }
  }
  for (PartDraft& draft : drafts) {
    if (draft.candidate.form != nullptr) collect_tensors(draft.candidate);
  }
}

/// What a part without a prefix of its own is called beside others.
std::string name_beside_others(const PartDraft& draft) {
  const FamilyTable& family = *draft.candidate.family;
  if (!family.bare_part.empty()) return family.bare_part;
  return draft.candidate.form == nullptr ? family.name : "model";
}

void name_parts(std::vector<PartDraft>& drafts, const Wrappers& wrappers) {
  const auto built = std::count_if(drafts.begin(), drafts.end(), [](const PartDraft& d) { return d.candidate.form != nullptr; });
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    PartDraft& draft = drafts[i];
    auto [name, soft] = wrappers.part_name(*draft.candidate.family, draft.candidate.prefix);
    const bool alone = draft.candidate.form != nullptr ? built == 1 : drafts.size() == 1;
    if (soft && alone) name = "model";
    if (soft && !alone && name == "model") name = name_beside_others(draft);
    draft.name = std::move(name);
  }
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    int same = 1;
    for (std::size_t j = 0; j < i; ++j) same += drafts[j].name == drafts[i].name || drafts[j].name.starts_with(drafts[i].name + "_");
    if (std::any_of(drafts.begin(), drafts.begin() + static_cast<std::ptrdiff_t>(i), [&](const PartDraft& d) { return d.name == drafts[i].name; })) {
      drafts[i].name += "_" + std::to_string(same);
    }
  }
}

// The commonest prefix first.
void order_prefixes(Candidate& candidate, const Checkpoint& checkpoint) {
  if (candidate.prefixes.size() < 2) return;
  std::vector<std::pair<std::size_t, std::string>> counted;
  for (const std::string& prefix : candidate.prefixes) {
    const auto count = std::count_if(candidate.tensors.begin(), candidate.tensors.end(), [&](std::uint32_t t) {
      const std::string_view name = checkpoint.tensors[t].name;
      return name.starts_with(prefix) && std::none_of(candidate.prefixes.begin(), candidate.prefixes.end(), [&](const std::string& other) {
               return other.size() > prefix.size() && name.starts_with(other);
             });
    });
    counted.emplace_back(static_cast<std::size_t>(count), prefix);
  }
  std::stable_sort(counted.begin(), counted.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  candidate.prefixes.clear();
  for (auto& [count, prefix] : counted) candidate.prefixes.push_back(std::move(prefix));
  candidate.prefix = candidate.prefixes.front();
}

}  // namespace

std::vector<PartDraft> draft_parts(const Checkpoint& checkpoint, std::vector<Candidate> survivors, const Wrappers& wrappers) {
  std::vector<PartDraft> drafts;
  for (Candidate& survivor : survivors) drafts.push_back({std::move(survivor), {}, {}, {}});
  std::stable_sort(drafts.begin(), drafts.end(), [](const PartDraft& a, const PartDraft& b) {
    const bool a_built = a.candidate.form != nullptr;
    const bool b_built = b.candidate.form != nullptr;
    return a_built != b_built ? a_built : a.candidate.tensors.size() > b.candidate.tensors.size();
  });
  assign_leftovers(checkpoint, drafts, wrappers);
  for (PartDraft& draft : drafts) order_prefixes(draft.candidate, checkpoint);
  std::stable_sort(drafts.begin(), drafts.end(), [](const PartDraft& a, const PartDraft& b) {
    return a.candidate.tensors.front() < b.candidate.tensors.front();
  });
  name_parts(drafts, wrappers);
  return drafts;
}

}  // namespace tenon
