// The report of check, load, run or convert as one page that opens offline.
#pragma once

#include <string>
#include <string_view>

#include "runtime/report/json.h"

namespace tenon::report {

/// Self-contained HTML: the JSON document of the verb, and the script that draws it. Nothing in it is fetched, and no
/// text of a checkpoint is ever markup or script.
[[nodiscard]] std::string to_html(std::string_view verb, const Outcome& outcome);

}  // namespace tenon::report
