// A host's spdlog logger behind tenon's log function.
#pragma once

#include <tenon/log.h>

namespace tenon::test {

/// In a file of its own because LibTorch's include folder holds an fmt of another version than spdlog was built with.
[[nodiscard]] LogFunction host_log();

}  // namespace tenon::test
