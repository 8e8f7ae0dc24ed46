// Config values that a layout implies: the same weights mean another forward under other names.
#pragma once

#include <vector>

#include <tenon/identify.h>

namespace tenon::tools {

/// TN-LAYOUT-VALUE, a note for each value that nobody gave and that a reader of `written` would take otherwise than `config` says.
[[nodiscard]] std::vector<Finding> values_of_layout(const Tables& tables, const Config& config, const std::vector<MappedTensor>& written);

}  // namespace tenon::tools
