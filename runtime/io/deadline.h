// The caller's deadline, asked for at bounded distances.
#pragma once

#include <string>

#include <tenon/error.h>
#include <tenon/limits.h>

#include "runtime/io/text.h"

namespace tenon::io {

/// IO-DEADLINE (kCancelled) once the deadline has passed.
[[nodiscard]] inline Result<void> check_deadline(const Limits& limits, const std::string& file) {
  if (!limits.deadline || std::chrono::steady_clock::now() < *limits.deadline) return {};
  return refuse(ErrorKind::kCancelled, "IO-DEADLINE", {.file = file}, "the deadline has passed", "nothing was loaded");
}

}  // namespace tenon::io
