#include "runtime/identify/candidates.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "runtime/identify/evidence.h"
#include "runtime/identify/reads.h"
#include "runtime/mapping/proof.h"

namespace tenon {
namespace {

constexpr std::size_t kPrefixesPerForm = 64;  // a file may give every tensor another prefix

struct Hits {
  std::map<std::string, std::size_t> anchors;  // pattern -> how many names
  std::size_t total = 0;
};
using HitTable = std::map<FormRef, std::map<std::string, Hits, std::less<>>>;

HitTable search_anchors(const Checkpoint& checkpoint, const Tables& tables, const Wrappers& wrappers) {
  HitTable table;
  for (const TensorEntry& entry : checkpoint.tensors) {
    tables.anchors().search(entry.name, [&](const Anchor& anchor, std::size_t length) {
      if (!meets(*anchor.item, entry)) return;
      for (const FormRef& form : anchor.forms) {
        const std::string prefix = anchor.anywhere ? wrappers.accounted_prefix(tables.families()[form.family], entry.name)
                                                   : entry.name.substr(0, length);
        Hits& hits = table[form][prefix];
        ++hits.anchors[anchor.text];
        ++hits.total;
      }
    });
  }
  return table;
}

// The prefixes with the most hits, for forms with absurdly many of them.
std::vector<std::string> strongest(const std::map<std::string, Hits, std::less<>>& prefixes) {
  std::vector<std::string> names;
  for (const auto& [prefix, hits] : prefixes) names.push_back(prefix);
  if (names.size() <= kPrefixesPerForm) return names;
  std::stable_sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
    return prefixes.find(a)->second.total > prefixes.find(b)->second.total;
  });
  names.resize(kPrefixesPerForm);
  std::sort(names.begin(), names.end());
  return names;
}

Reads read_file_names(const Checkpoint& checkpoint, const Candidate& candidate, const Variables& variables, const SegmentSets& sets) {
  const auto [first, last] = tensors_with_prefix(checkpoint, candidate.prefix);
  std::vector<NamedType> names;
  for (std::uint32_t t = first; t < last; ++t) {
    const TensorEntry& entry = checkpoint.tensors[t];
    names.push_back({std::string_view(entry.name).substr(candidate.prefix.size()), entry.dtype, &entry.shape});
  }
  return Reader(names, sets, variables).read(candidate.layout->reads);
}

void claim_declined(const Checkpoint& checkpoint, Candidate& candidate, const Variables& variables, const SegmentSets& sets) {
  std::vector<Pattern> claims;
  TableFaults ignored;  // proved with the table
  for (const Template& text : candidate.layout->claims) {
    if (auto pattern = Pattern::parse(substitute(text, variables, ignored), PatternUse::kSelect, sets)) claims.push_back(*pattern);
  }
  const auto [first, last] = tensors_with_prefix(checkpoint, candidate.prefix);
  for (std::uint32_t t = first; t < last; ++t) {
    const auto name = std::string_view(checkpoint.tensors[t].name).substr(candidate.prefix.size());
    const bool claimed = claims.empty() || std::any_of(claims.begin(), claims.end(), [&](const Pattern& p) { return p.matches(name); });
    if (claimed) candidate.tensors.push_back(t);
  }
  // A piece speaks for every name behind its prefix, or for none: a stranger's model may share a few.
  if (!candidate.family->piece_of.empty() && candidate.tensors.size() < last - first) {
    candidate.against = fmt::format("{} of the {} names are of no such model", last - first - candidate.tensors.size(), last - first);
    candidate.tensors.clear();
  }
}

void claim_built(const Checkpoint& checkpoint, const Tables& tables, Candidate& candidate, const Variables& variables, const SegmentSets& sets) {
  std::vector<EmittedRow> emitted;
  if (candidate.layout->emitted && candidate.family->functions.emit_rows != nullptr) {
    emitted = candidate.family->functions.emit_rows(candidate.layout->name, read_file_names(checkpoint, candidate, variables, sets));
  }
  TableFaults faults;
  auto form = std::make_shared<Form>(expand_form(*candidate.family, *candidate.layout, tables.choice(candidate.ref), emitted, faults));
  if (candidate.layout->emitted) prove_form(*form, faults);
  if (!faults.empty()) {
    candidate.against = faults.error(candidate.family->path).message;
    return;
  }
  candidate.claims = claim_all(*form, checkpoint, candidate.prefix);
  candidate.form = std::move(form);
  collect_tensors(candidate);
}

Candidate make_candidate(const Checkpoint& checkpoint, const Tables& tables, const FormRef& ref, const std::string& prefix, const Hits& hits) {
  Candidate candidate;
  candidate.family = &tables.families()[ref.family];
  candidate.layout = &candidate.family->layouts[ref.layout];
  candidate.ref = ref;
  candidate.prefix = prefix;
  candidate.prefixes = {prefix};
  for (const auto& [anchor, count] : hits.anchors) {
    candidate.favour.push_back(count > 1 ? fmt::format("has {} of {}", count, anchor) : fmt::format("has {}", anchor));
  }
  const Variables variables = form_variables(*candidate.layout, tables.choice(ref));
  const SegmentSets sets = select_sets(*candidate.family);
  const EvidenceFinder finder(checkpoint, candidate.prefix, variables, sets);
  Weighed weighed = weigh(finder, *candidate.layout, tables.choice(ref));
  candidate.favour.insert(candidate.favour.end(), weighed.favour.begin(), weighed.favour.end());
  candidate.against = std::move(weighed.against);
  if (!candidate.against.empty()) return candidate;
  if (candidate.family->declined) {
    claim_declined(checkpoint, candidate, variables, sets);
  } else {
    claim_built(checkpoint, tables, candidate, variables, sets);
  }
  return candidate;
}

}  // namespace

void collect_tensors(Candidate& candidate) {
  candidate.tensors.clear();
  for (const Claim& claim : candidate.claims) candidate.tensors.push_back(claim.tensor);
  std::sort(candidate.tensors.begin(), candidate.tensors.end());
}

std::vector<Candidate> find_candidates(const Checkpoint& checkpoint, const Tables& tables, const Wrappers& wrappers) {
  std::vector<Candidate> candidates;
  for (const auto& [ref, prefixes] : search_anchors(checkpoint, tables, wrappers)) {
    const FamilyTable& family = tables.families()[ref.family];
    for (const std::string& prefix : strongest(prefixes)) {
      // A few names prove little: a piece stands behind wrappers and bundle prefixes only.
      if (!family.piece_of.empty() && wrappers.accounted_prefix(family, prefix + "x") != prefix) continue;
      candidates.push_back(make_candidate(checkpoint, tables, ref, prefix, prefixes.find(prefix)->second));
    }
  }
  return candidates;
}

}  // namespace tenon
