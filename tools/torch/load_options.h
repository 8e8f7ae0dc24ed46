// The command line's options as the library takes them.
#pragma once

#include <tenon/load.h>

#include "tools/common/options.h"

namespace tenon::tools {

/// Reads the policy and the tables, and makes sure that the device answers. Codes: TN-USAGE, TN-POLICY-*, TN-TABLE-*
/// (kUsage), and what enable_cuda says (kDevice).
[[nodiscard]] Result<LoadOptions> load_options(const Options& options);

}  // namespace tenon::tools
