// A config value in a message.
#pragma once

#include <string>

#include <tenon/value.h>

namespace tenon {

/// As to_string prints it, with what a terminal must not see escaped once.
[[nodiscard]] std::string quoted(const Value& value);

}  // namespace tenon
