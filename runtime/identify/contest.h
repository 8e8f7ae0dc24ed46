// Which candidates survive: a strict subset gives way, equals are a tie, disjoint ones are parts of their own.
#pragma once

#include <string>
#include <vector>

#include "runtime/identify/candidates.h"

namespace tenon {

struct Loser {
  Candidate candidate;  // its tensors and claims are dropped
  std::string because;
};

struct Contest {
  std::vector<Candidate> survivors;
  std::vector<Loser> losers;
  /// Survivors (by position) that explain overlapping tensors and of which none gives way.
  std::vector<std::vector<std::size_t>> ties;
};

/// `as_family`: what the caller says it is; settles a tie, never overrules evidence.
[[nodiscard]] Contest hold_contest(std::vector<Candidate> candidates, const std::string& as_family);

/// Joins survivors of one form whose prefixes differ by transparent wrappers only and whose targets are other ones.
void join_mixed_prefixes(std::vector<Candidate>& survivors, const Wrappers& wrappers);

}  // namespace tenon
