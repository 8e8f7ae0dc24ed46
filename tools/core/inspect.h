// inspect: what is it?
#pragma once

#include "runtime/report/json.h"
#include "tools/common/program.h"

namespace tenon::tools {

[[nodiscard]] Answer inspect(const Options& options);

/// Opens and identifies one checkpoint argument; what went wrong is in `error`.
[[nodiscard]] report::Inspection inspect_checkpoint(const std::string& argument);
[[nodiscard]] int exit_code(const report::Inspection& inspection);

}  // namespace tenon::tools
