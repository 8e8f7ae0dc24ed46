// How diff answers, with and without values.
#pragma once

#include "runtime/report/json.h"
#include "tools/common/program.h"

namespace tenon::tools {

[[nodiscard]] Answer answer_comparison(const Options& options, const report::Comparison& comparison);
[[nodiscard]] Answer failed_comparison(const Options& options, const Error& error);

}  // namespace tenon::tools
