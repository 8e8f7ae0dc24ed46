#include "runtime/identify/inner_wrappers.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "runtime/identify/bound_layout.h"
#include "runtime/io/text.h"
#include "runtime/mapping/pattern.h"
#include "runtime/value/general_finding.h"

namespace tenon {
namespace {

bool is_one_of(const std::vector<std::string>& list, std::string_view segment) {
  return std::find(list.begin(), list.end(), segment) != list.end();
}

/// The name without wrappers behind its first segment that is none and before its last, and which they were.
std::string strip_inner(std::string_view name, const WrapperTable& wrappers, std::vector<std::string>& lost) {
  const auto segments = split_segments(name);
  std::string kept;
  bool inside = false;
  for (std::size_t s = 0; s < segments.size(); ++s) {
    if (inside && s + 1 < segments.size() && is_one_of(wrappers.inside, segments[s])) {
      lost.emplace_back(segments[s]);
      continue;
    }
    inside = inside || !is_one_of(wrappers.transparent, segments[s]);
    kept += (s == 0 ? "" : ".") + std::string(segments[s]);
  }
  return kept;
}

void renumber(std::vector<std::uint32_t>& tensors, const std::vector<std::uint32_t>& places) {
  for (std::uint32_t& tensor : tensors) tensor = places[tensor];
}

void rename(std::string& name, const Unwrapped& unwrapped, const Checkpoint& file) {
  const TensorEntry* entry = unwrapped.checkpoint.find(name);
  if (entry == nullptr) return;
  const auto place = static_cast<std::size_t>(entry - unwrapped.checkpoint.tensors.data());
  name = file.tensors[unwrapped.places[place]].name;
}

void renumber(Mapped& mapped, const Unwrapped& unwrapped, const Checkpoint& file) {
  for (MappedTensor& tensor : mapped.tensors) renumber(tensor.sources, unwrapped.places);
  renumber(mapped.unexpected, unwrapped.places);
  for (IgnoredTensor& ignored : mapped.ignored) ignored.tensor = unwrapped.places[ignored.tensor];
  for (MappingProblem& problem : mapped.problems) renumber(problem.sources, unwrapped.places);
  for (ValueCondition& condition : mapped.pending) {
    rename(condition.source, unwrapped, file);
    rename(condition.twin, unwrapped, file);
  }
}

std::optional<Finding> inner_prefix_note(const Part& part, const Unwrapped& unwrapped, const WrapperTable& wrappers) {
  std::map<std::string, std::size_t> counts;
  std::size_t names = 0;
  for (const std::uint32_t tensor : part.tensors) {
    const auto& lost = unwrapped.lost[tensor];
    names += lost.empty() ? 0 : 1;
    for (const std::string& wrapper : lost) ++counts[wrapper];
  }
  if (names == 0) return std::nullopt;
  std::string told;
  for (const auto& [wrapper, count] : counts) {
    told += (told.empty() ? "" : ", ") + io::quoted(wrapper + ".");
    const auto about = wrappers.about.find(wrapper);
    if (about != wrappers.about.end()) told += " (" + about->second + ")";
  }
  return general_finding("TN-PREFIX", FindingKind::kIdentity, Severity::kNote,
                         fmt::format("{} of the {} names of this part carry {} inside: it was stripped and no tensor is left out for it", names,
                                     part.tensors.size(), told));
}

}  // namespace

std::optional<Unwrapped> without_inner_wrappers(const Checkpoint& checkpoint, const WrapperTable& wrappers) {
  Unwrapped unwrapped;
  unwrapped.lost.resize(checkpoint.tensors.size());
  std::vector<std::string> names;
  names.reserve(checkpoint.tensors.size());
  for (std::size_t t = 0; t < checkpoint.tensors.size(); ++t) {
    names.push_back(strip_inner(checkpoint.tensors[t].name, wrappers, unwrapped.lost[t]));
  }
  if (std::all_of(unwrapped.lost.begin(), unwrapped.lost.end(), [](const auto& lost) { return lost.empty(); })) return std::nullopt;

  unwrapped.places.resize(names.size());
  std::iota(unwrapped.places.begin(), unwrapped.places.end(), 0U);
  std::sort(unwrapped.places.begin(), unwrapped.places.end(), [&](std::uint32_t a, std::uint32_t b) { return names[a] < names[b]; });
  for (std::size_t t = 1; t < names.size(); ++t) {
    if (names[unwrapped.places[t - 1]] == names[unwrapped.places[t]]) return std::nullopt;
  }
  unwrapped.checkpoint = checkpoint;
  for (std::size_t t = 0; t < names.size(); ++t) {
    unwrapped.checkpoint.tensors[t] = checkpoint.tensors[unwrapped.places[t]];
    unwrapped.checkpoint.tensors[t].name = std::move(names[unwrapped.places[t]]);
  }
  return unwrapped;
}

std::size_t count_explained(const Identity& identity) {
  std::size_t explained = 0;
  for (const Part& part : identity.parts) {
    if (part.family.empty()) continue;
    explained += part.tensors.size() - (part.bound == nullptr ? 0 : part.bound->mapped.unexpected.size());
  }
  return explained;
}

void speak_of_the_file(Identity& identity, const Unwrapped& unwrapped, const Checkpoint& file, const WrapperTable& wrappers) {
  for (Part& part : identity.parts) {
    renumber(part.tensors, unwrapped.places);
    std::sort(part.tensors.begin(), part.tensors.end());
    if (part.bound != nullptr) {
      auto bound = std::make_shared<BoundLayout>(*part.bound);
      renumber(bound->mapped, unwrapped, file);
      part.bound = std::move(bound);
    }
    if (auto note = inner_prefix_note(part, unwrapped, wrappers)) part.findings.push_back(std::move(*note));
  }
}

}  // namespace tenon
