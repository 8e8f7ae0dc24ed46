// The exit codes that scripts rely on.
#pragma once

#include <tenon/error.h>

namespace tenon::tools {

inline constexpr int kDone = 0;
inline constexpr int kRefusedCode = 1;      // findings at or above the fail level, or differences
inline constexpr int kUnreadable = 2;       // an input cannot be read, an output cannot be written
inline constexpr int kUnidentified = 3;
inline constexpr int kUsageCode = 4;
inline constexpr int kIntegrityCode = 5;
inline constexpr int kDeviceCode = 6;
inline constexpr int kInterrupted = 7;

[[nodiscard]] int exit_code(ErrorKind kind);

}  // namespace tenon::tools
