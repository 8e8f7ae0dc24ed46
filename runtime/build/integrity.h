// Hashes that the caller or the policy asks for.
#pragma once

#include <map>
#include <string>

#include <tenon/checkpoint.h>
#include <tenon/error.h>

#include "runtime/build/progress.h"

namespace tenon::loading {

/// `sha256` (lower-case hex, may be empty) is of the checkpoint's one file; `by_name` is of files by their names.
/// kIntegrity (TN-SHA256) for a difference, and where `by_name` has hashes and none of a file; kUsage for several files
/// and one hash; kCancelled by `progress`, which hears of it as stage "open".
[[nodiscard]] Result<void> check_sha256(const Checkpoint& checkpoint,
                                        const std::string& sha256,
                                        const std::map<std::string, std::string>& by_name,
                                        const Progress& progress);

}  // namespace tenon::loading
