// Measurements as a Markdown table.
#pragma once

#include <string>

#include "runtime/report/json_values.h"

namespace tenon::tools {

/// `measured` is Google Benchmark's JSON: "context" and "benchmarks".
[[nodiscard]] std::string bench_table(const report::Json& measured);

}  // namespace tenon::tools
