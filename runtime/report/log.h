// What a load says to the host's log: info what it was and how it ended, a line for each finding, trace for each tensor.
#pragma once

#include <string_view>
#include <tenon/error.h>
#include <tenon/log.h>
#include <tenon/report.h>

namespace tenon::report {

/// A load or a plan that came to an end. Without a function nothing is worded.
void log_report(const LogFunction& log, std::string_view path, const LoadReport& report);
/// One that failed: the error, and before it what its report found.
void log_error(const LogFunction& log, const Error& error);

}  // namespace tenon::report
