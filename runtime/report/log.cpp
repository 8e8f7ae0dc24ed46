#include "runtime/report/log.h"

#include <fmt/format.h>
#include <string>

#include "runtime/report/words.h"

namespace tenon::report {
namespace {

LogLevel level_of(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return LogLevel::kError;
    case Severity::kWarning:
      return LogLevel::kWarn;
    case Severity::kNote:
      break;
  }
  return LogLevel::kDebug;
}

void log_findings(const LogFunction& log, const LoadReport& report) {
  for (const Finding& finding : report.findings) {
    const std::string id = fmt::format("[{}]", finding.id);
    const std::string message = sentence(finding.message);
    log(level_of(finding.severity), message.ends_with(id) ? message : fmt::format("{} {}", message, id));
  }
}

}  // namespace

void log_report(const LogFunction& log, std::string_view path, const LoadReport& report) {
  if (!log) return;
  for (const Provenance& tensor : report.tensors) log(LogLevel::kTrace, shown(tensor));
  log_findings(log, report);
  std::string line = fmt::format("{}: {}; {}", to_string(report.verdict), subject_of(path, report), shown(report.counts));
  if (report.bytes_read && report.timings) {
    line += fmt::format("; {} read, {:.3f} s in all", short_bytes(*report.bytes_read), report.timings->total_s);
  }
  log(LogLevel::kInfo, line);
}

void log_error(const LogFunction& log, const Error& error) {
  if (!log) return;
  if (error.report) log_findings(log, *error.report);
  log(LogLevel::kError, sentence(error.message));
}

}  // namespace tenon::report
