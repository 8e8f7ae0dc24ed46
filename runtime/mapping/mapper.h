// Applies a form to names: which row claims which tensor, and what each target becomes.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <tenon/checkpoint.h>
#include <tenon/mapping.h>

#include "runtime/mapping/form.h"

namespace tenon {

/// A tensor that a row, a twin or a harmless entry claims.
struct Claim {
  std::uint32_t tensor = 0;
  std::uint32_t leaf = 0;
  Captures indices;  // in the order of the rule's letters; for dropped indices nothing
};

/// The indices of the tensors whose names begin with `prefix`: names are sorted, so it is a range.
[[nodiscard]] std::pair<std::uint32_t, std::uint32_t> tensors_with_prefix(const Checkpoint& checkpoint, std::string_view prefix);

/// How a name without its prefix is claimed; nullopt when nothing claims it.
[[nodiscard]] std::optional<Claim> claim(const Form& form, std::string_view name, std::uint32_t tensor);

/// All claims under a prefix, in the order of the tensors.
[[nodiscard]] std::vector<Claim> claim_all(const Form& form, const Checkpoint& checkpoint, std::string_view prefix);

/// The own name that a claimed source goes to; for a row with several targets the first. Empty for harmless names.
[[nodiscard]] std::string target_of(const Form& form, const Claim& claim);

/// A pattern with its indices put in; `letters` names the indices of `values`.
[[nodiscard]] std::string fill_indices(const Pattern& pattern, std::string_view letters, const Captures& values);

/// Among a problem's sources: where a row that joins its sources along the first dimension lacks one.
inline constexpr std::uint32_t kAbsentSource = UINT32_MAX;

/// Claims into targets with inferred types, ignored tensors and problems. `unexpected` is left empty.
[[nodiscard]] Mapped map_claims(const Form& form, const Checkpoint& checkpoint, std::vector<Claim> claims);

}  // namespace tenon
