// ls: the tensors of a checkpoint.
#pragma once

#include "tools/common/program.h"

namespace tenon::tools {

[[nodiscard]] Answer ls(const Options& options);

}  // namespace tenon::tools
