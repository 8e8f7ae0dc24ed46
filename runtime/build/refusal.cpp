#include "runtime/build/refusal.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace tenon::loading {
namespace {

Failure carry(LoadReport report, ErrorKind kind, std::string code, std::string message, std::string remedy) {
  report.verdict = Verdict::kRefused;
  auto kept = std::make_shared<const LoadReport>(std::move(report));
  return Failure(Error{kind, std::move(code), std::move(message), std::move(remedy), std::move(kept)});
}

/// A diagnosis has its id in a field of its own.
std::string without_code(const Finding& finding) {
  const std::string tail = " [" + finding.id + "]";
  const bool ends_in_it = finding.message.size() > tail.size() && finding.message.ends_with(tail);
  return ends_in_it ? finding.message.substr(0, finding.message.size() - tail.size()) : finding.message;
}

}  // namespace

Failure refusal(LoadReport report, const Finding& cause) {
  std::vector<std::size_t> explains;
  for (std::size_t i = 0; i < report.findings.size(); ++i) {
    if (report.findings[i].id == cause.id && report.findings[i].severity == cause.severity) explains.push_back(i);
  }
  report.diagnosis.insert(report.diagnosis.begin(), Diagnosis{cause.id, without_code(cause), cause.remedy, explains});
  return carry(std::move(report), ErrorKind::kRefused, cause.id, cause.message, cause.remedy);
}

Failure refusal(LoadReport report, ErrorKind kind) {
  if (!report.diagnosis.empty()) {
    const auto first = report.diagnosis.front();
    return carry(std::move(report), kind, first.id, first.cause, first.remedy);
  }
  const auto worst = std::max_element(report.findings.begin(), report.findings.end(), [](const auto& a, const auto& b) {
    return a.severity < b.severity;
  });
  if (worst == report.findings.end()) {
    return carry(std::move(report), kind, "TN-REFUSED", "the policy refuses this checkpoint [TN-REFUSED]", {});
  }
  const auto cause = *worst;
  return carry(std::move(report), kind, cause.id, cause.message, cause.remedy);
}

}  // namespace tenon::loading
