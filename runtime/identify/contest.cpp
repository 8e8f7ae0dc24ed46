#include "runtime/identify/contest.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "runtime/mapping/expr.h"

namespace tenon {
namespace {

std::size_t shared(const Candidate& a, const Candidate& b) {
  std::vector<std::uint32_t> both;
  std::set_intersection(a.tensors.begin(), a.tensors.end(), b.tensors.begin(), b.tensors.end(), std::back_inserter(both));
  return both.size();
}

bool same_layout(const Candidate& a, const Candidate& b) { return a.family == b.family && a.layout == b.layout; }

// Two ways to say that one family is not built: which of them is said decides nothing.
bool both_declined(const Candidate& a, const Candidate& b) {
  return a.family == b.family && a.form == nullptr && b.form == nullptr;
}

// Larger first; among equals what outranks others, the shorter prefix, then the order of the tables.
bool stronger(const Candidate& a, const Candidate& b) {
  if (a.tensors.size() != b.tensors.size()) return a.tensors.size() > b.tensors.size();
  if (a.family->outranks != b.family->outranks) return a.family->outranks;
  if (a.prefix.size() != b.prefix.size()) return a.prefix.size() < b.prefix.size();
  return a.ref < b.ref;
}

// What a candidate makes of its tensors: each target with its expression.
std::set<std::string> readings(const Candidate& candidate) {
  std::set<std::string> texts;
  for (const Claim& claim : candidate.claims) {
    const Leaf& leaf = candidate.form->leaves[claim.leaf];
    if (leaf.kind == Leaf::Kind::kHarmless) continue;
    texts.insert(target_of(*candidate.form, claim) + " = " + to_text(candidate.form->rules[leaf.rule].exprs[0]));
  }
  return texts;
}

// Two layouts of a family that differ in what they call the prefix, and in nothing that they give.
bool same_model(const Candidate& a, const Candidate& b) {
  return a.family == b.family && a.form != nullptr && b.form != nullptr && a.tensors == b.tensors && readings(a) == readings(b);
}

// Why `weak` gives way to `strong`; empty when it does not.
std::string gives_way(const Candidate& weak, const Candidate& strong, std::size_t both, const std::string& as_family) {
  const bool subset = both == weak.tensors.size();
  if (subset && weak.tensors.size() < strong.tensors.size()) {
    return fmt::format("explains {} of the {} tensors that {} explains", both, strong.tensors.size(), strong.label());
  }
  const bool same = subset && weak.tensors.size() == strong.tensors.size() && weak.family == strong.family;
  if (same && weak.prefix.size() > strong.prefix.size()) {
    return fmt::format("explains the same tensors as {}, but only behind another prefix", strong.label());
  }
  if (strong.family->outranks && !weak.family->outranks) return fmt::format("{} comes first", strong.label());
  if (same_layout(weak, strong)) return fmt::format("reads fewer names than {} with other spellings", strong.label());
  if (both_declined(weak, strong)) return fmt::format("{} of its tensors are those of {}", both, strong.label());
  if (same_model(weak, strong)) return fmt::format("reads the same model out of them as {}", strong.label());
  if (!as_family.empty() && strong.family->said() == as_family && weak.family->said() != as_family) {
    return fmt::format("--as {} settles it", as_family);
  }
  return {};
}

std::set<std::string> targets(const Candidate& candidate) {
  std::set<std::string> names;
  for (const Claim& claim : candidate.claims) names.insert(target_of(*candidate.form, claim));
  names.erase("");
  return names;
}

void join(Candidate& into, Candidate& from) {
  into.claims.insert(into.claims.end(), from.claims.begin(), from.claims.end());
  into.prefixes.insert(into.prefixes.end(), from.prefixes.begin(), from.prefixes.end());
  collect_tensors(into);
  from.claims.clear();
  from.tensors.clear();
}

bool holds(const Candidate& candidate) { return candidate.against.empty() && !candidate.tensors.empty(); }

// Pieces of models are asked only where nothing else explains anything.
void set_pieces_aside(std::vector<Candidate>& candidates) {
  const bool whole = std::any_of(candidates.begin(), candidates.end(), [](const Candidate& c) { return c.family->piece_of.empty() && holds(c); });
  if (whole) std::erase_if(candidates, [](const Candidate& c) { return !c.family->piece_of.empty(); });
}

bool mostly_other_targets(const Candidate& a, const Candidate& b) {
  const auto wide = targets(a);
  const auto narrow = targets(b);
  const auto twice = std::count_if(narrow.begin(), narrow.end(), [&](const std::string& name) { return wide.contains(name); });
  return static_cast<std::size_t>(twice) * 2 < narrow.size();
}

}  // namespace

Contest hold_contest(std::vector<Candidate> candidates, const std::string& as_family) {
  Contest contest;
  set_pieces_aside(candidates);
  std::stable_sort(candidates.begin(), candidates.end(), stronger);
  if (!as_family.empty()) {
    std::stable_partition(candidates.begin(), candidates.end(), [&](const Candidate& c) { return c.family->said() == as_family && c.against.empty(); });
    std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) { return a.tensors.size() > b.tensors.size(); });
  }
  for (Candidate& candidate : candidates) {
    std::string because = candidate.against;
    if (because.empty() && candidate.tensors.empty()) because = "explains no tensor";
    std::vector<std::size_t> rivals;
    for (std::size_t s = 0; because.empty() && s < contest.survivors.size(); ++s) {
      const auto both = shared(candidate, contest.survivors[s]);
      if (both == 0) continue;
      because = gives_way(candidate, contest.survivors[s], both, as_family);
      rivals.push_back(s);
    }
    if (!because.empty()) {
      candidate.claims.clear();
      candidate.tensors.clear();
      contest.losers.push_back({std::move(candidate), std::move(because)});
      continue;
    }
    contest.survivors.push_back(std::move(candidate));
    if (rivals.empty()) continue;
    rivals.push_back(contest.survivors.size() - 1);
    contest.ties.push_back(std::move(rivals));
  }
  return contest;
}

void join_mixed_prefixes(std::vector<Candidate>& survivors, const Wrappers& wrappers) {
  for (std::size_t strong = 0; strong < survivors.size(); ++strong) {
    Candidate& into = survivors[strong];
    if (into.form == nullptr || into.claims.empty()) continue;
    for (std::size_t weak = strong + 1; weak < survivors.size(); ++weak) {
      Candidate& from = survivors[weak];
      const bool related = from.form != nullptr && !from.claims.empty() && from.ref == into.ref &&
                           wrappers.core(from.prefix) == wrappers.core(into.prefix);
      if (related && mostly_other_targets(into, from)) join(into, from);
    }
  }
  std::erase_if(survivors, [](const Candidate& c) { return c.tensors.empty(); });
}

}  // namespace tenon
