// What check, load and run answer with: a report, or why there is none.
#pragma once

#include <optional>
#include <string>

#include <tenon/error.h>
#include <tenon/identify.h>
#include <tenon/report.h>

#include "tools/common/program.h"

namespace tenon::tools {

/// The verb's document or text and its exit code, and the page that --html asks for. Either the report or the error may be
/// absent, not both; `part` is what the report is about, where that is known.
[[nodiscard]] Answer outcome(const Options& options, std::optional<LoadReport> report, std::optional<Error> error,
                             std::optional<Part> part = {});

}  // namespace tenon::tools
