// What to do about a file that cannot be read, by the code of its error.
#pragma once

#include <string_view>

#include <tenon/error.h>

namespace tenon::io {

/// Empty where nothing general can be said.
[[nodiscard]] std::string_view remedy_for(std::string_view code, ErrorKind kind);

}  // namespace tenon::io
