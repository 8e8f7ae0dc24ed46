// What the system says of a failed call.
#pragma once

#include <string>

namespace tenon::io {

/// What an errno means, in English whatever the locale.
[[nodiscard]] std::string errno_text(int error);

}  // namespace tenon::io
