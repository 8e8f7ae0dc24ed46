// The progress of a load on standard error: a bar on a terminal, or JSON lines for a program.
#pragma once

#include <tenon/log.h>

#include "tools/common/options.h"

namespace tenon::tools {

/// What LoadOptions::progress gets. It also says "cancel" once the user has interrupted the program.
[[nodiscard]] ProgressFunction make_progress(const Options& options);
/// Takes the bar off the terminal, before anything else is printed there.
void clear_progress(const Options& options);

}  // namespace tenon::tools
