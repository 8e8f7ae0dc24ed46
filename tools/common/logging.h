// Logs on standard error, through spdlog.
#pragma once

#include <tenon/log.h>

#include "tools/common/options.h"

namespace tenon::tools {

/// What the library logs through; `--log-level` and `--color` decide what is shown.
[[nodiscard]] LogFunction make_log(const Options& options);

}  // namespace tenon::tools
