// Whether the modules that a low-rank update changes are in the model that it is given for.
#pragma once

#include <string_view>
#include <vector>

#include <tenon/policy.h>

namespace tenon {

using NamedTypes = std::vector<std::pair<std::string, TensorType>>;

/// A note with the counts where all fit; TN-PAIR where modules are absent or have other widths. `update` and `model` are how
/// the two sides are called.
[[nodiscard]] std::vector<Finding> module_findings(const Part& update_part, std::string_view update,
                                                   const Part& model_part, std::string_view model,
                                                   const NamedTypes& names);

}  // namespace tenon
