// Every layout that a checkpoint's names speak for, with what it explains or what speaks against it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <tenon/checkpoint.h>

#include "runtime/identify/tables.h"
#include "runtime/identify/wrappers.h"
#include "runtime/mapping/mapper.h"

namespace tenon {

struct Candidate {
  const FamilyTable* family = nullptr;
  const LayoutTable* layout = nullptr;
  FormRef ref;
  std::string prefix;
  std::vector<std::string> prefixes;     // more than {prefix} when names with other wrappers were joined
  std::shared_ptr<const Form> form;      // null for declined families
  std::vector<Claim> claims;             // of built families
  std::vector<std::uint32_t> tensors;    // what it explains, sorted
  std::vector<std::string> favour;
  std::string against;                   // empty: it holds

  [[nodiscard]] std::string label() const { return family->said() + " (" + layout->name + ")"; }
};

/// Order-free: sorted by family, layout, form and prefix.
[[nodiscard]] std::vector<Candidate> find_candidates(const Checkpoint& checkpoint, const Tables& tables, const Wrappers& wrappers);

/// Recomputes `tensors` from the claims.
void collect_tensors(Candidate& candidate);

}  // namespace tenon
