// A refusal is an error that carries its report.
#pragma once

#include <tenon/error.h>
#include <tenon/report.h>

namespace tenon::loading {

/// kRefused with `cause`'s words; the report's verdict becomes "refused" and its first diagnosis names the cause.
[[nodiscard]] Failure refusal(LoadReport report, const Finding& cause);
/// The same for a report that says itself why.
[[nodiscard]] Failure refusal(LoadReport report, ErrorKind kind = ErrorKind::kRefused);

}  // namespace tenon::loading
