// The order that people expect of names: 2 before 10.
#pragma once

#include <string_view>

namespace tenon {

/// Runs of digits compare by value, everything else by bytes. A strict weak order; equal only for
/// equal bytes.
[[nodiscard]] bool natural_less(std::string_view a, std::string_view b);

}  // namespace tenon
