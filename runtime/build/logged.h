// How a call ended, to the host's log. Only what the host itself calls: each end is said once.
#pragma once

#include <string>
#include <utility>

#include <tenon/load.h>

#include "runtime/report/log.h"

namespace tenon::loading {

inline const LoadReport& report_of(const LoadReport& report) { return report; }
template <class T>
const LoadReport& report_of(const T& planned_or_loaded) {
  return planned_or_loaded.report;
}

/// The result, passed on.
template <class T>
Result<T> logged(const LogFunction& log, const std::string& path, Result<T> result) {
  if (!log) return result;
  if (result) {
    report::log_report(log, path, report_of(*result));
  } else {
    report::log_error(log, result.error());
  }
  return result;
}

}  // namespace tenon::loading
