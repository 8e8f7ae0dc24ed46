// The verbs that need LibTorch.
#pragma once

#include "tools/common/program.h"

namespace tenon::tools {

[[nodiscard]] Answer check(const Options& options);
[[nodiscard]] Answer load(const Options& options);
[[nodiscard]] Answer run(const Options& options);
[[nodiscard]] Answer convert(const Options& options);
[[nodiscard]] Answer bench(const Options& options);
[[nodiscard]] Answer diff_values(const Options& options);

}  // namespace tenon::tools
