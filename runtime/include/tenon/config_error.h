// The one refusal of a config value that no module can be made with.
#pragma once

#include <string>
#include <string_view>

#include <tenon/error.h>

namespace tenon {

/// kUsage, TN-CONFIG-VALUE: "<family>: config value <key> is <found>; <required>".
[[nodiscard]] Failure impossible_value(std::string_view family,
                                       const std::string& key,
                                       const std::string& found,
                                       const std::string& required);

}  // namespace tenon
