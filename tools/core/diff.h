// diff: two checkpoints through their mappings, without their values.
#pragma once

#include "tools/common/program.h"

namespace tenon::tools {

[[nodiscard]] Answer diff(const Options& options);

}  // namespace tenon::tools
