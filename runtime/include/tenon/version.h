// The version of tenon: CMake, pkg-config, --version and every JSON document read it here.
#pragma once

#include <string_view>

namespace [[gnu::visibility("default")]] tenon {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace tenon
