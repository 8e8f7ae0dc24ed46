// explain: the page of an id, or one tensor's way through the mapping.
#pragma once

#include "tools/common/program.h"

namespace tenon::tools {

[[nodiscard]] Answer explain(const Options& options);

}  // namespace tenon::tools
