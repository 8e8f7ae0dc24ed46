#include "runtime/policy/context.h"

#include <algorithm>
#include <fmt/format.h>
#include <tuple>
#include <utility>

#include "runtime/identify/variants.h"
#include "runtime/io/natural_order.h"
#include "runtime/io/text.h"
#include "runtime/policy/findings.h"
#include "runtime/policy/pairs.h"
#include "runtime/value/general_finding.h"
#include "runtime/value/quoted.h"

namespace tenon {
namespace {

std::string_view name_or(std::string_view name, std::string_view otherwise) {
  return name.empty() ? otherwise : name;
}

std::string what_it_is(const Part& part) {
  return part.variant.empty() ? std::string(name_or(part.family, "unknown"))
                              : fmt::format("{}/{}", part.family, part.variant);
}

Finding not_what_was_asked(const Part& part, std::string_view asked_by, std::string_view asked,
                           std::string_view id) {
  return general_finding(
      id, FindingKind::kIdentity, Severity::kError,
      fmt::format("this is {}; {} asks for {}", what_it_is(part), asked_by, io::escape(asked)),
      fmt::format("tenon explain {}", id));
}

}  // namespace

void against_request(std::vector<Finding>& findings, const Part& part,
                     const CheckRequest& request) {
  if (request.family.empty()) return;
  if (request.family != part.family) {
    findings.push_back(not_what_was_asked(part, "--as", request.family, "TN-FAMILY"));
  } else if (!request.variant.empty() && !may_be_variant(part, request.variant)) {
    findings.push_back(not_what_was_asked(
        part, "--as", fmt::format("{}/{}", request.family, request.variant), "TN-VARIANT"));
  }
}

namespace {

void against_expectation(std::vector<Finding>& findings, const Part& part,
                         const PolicyExpect& expect) {
  if (!expect.family.empty() && expect.family != part.family) {
    findings.push_back(not_what_was_asked(part, "the policy", expect.family, "TN-EXPECT"));
  } else if (!expect.variant.empty() && !may_be_variant(part, expect.variant)) {
    findings.push_back(not_what_was_asked(part, "the policy", expect.variant, "TN-EXPECT"));
  }
}

Severity severity_of(const Undecidable& entry, const CheckRequest& request) {
  if (!entry.needed_by_forward) return Severity::kNote;
  return request.forward ? Severity::kError : Severity::kWarning;
}

Finding undecided(const Undecidable& entry, const CheckRequest& request) {
  std::string choices;
  for (const Value& choice : entry.choices)
    choices += (choices.empty() ? "" : ", ") + quoted(choice);
  return general_finding("TN-UNDECIDABLE", FindingKind::kConfig, severity_of(entry, request),
                         fmt::format("the weights cannot tell {}{}{}", io::escape(entry.what),
                                     choices.empty() ? "" : ": one of ", choices),
                         entry.set_with);
}

/// With a preset that bends to the file, a contradiction of the config is said; the tensors then
/// decide.
Finding weighed(Finding finding, PolicyBase base) {
  if (finding.id == "TN-CONFIG-CONTRADICTS" && finding.severity == Severity::kError &&
      base != PolicyBase::kStrict) {
    finding.severity = Severity::kWarning;
    finding.action = Action::kKeep;
  }
  return finding;
}

}  // namespace

LoadReport report_head(const Part& part, const Policy& policy) {
  LoadReport report;
  report.policy = policy.name;
  report.part = part.part;
  report.family = part.family;
  report.variant = part.variant;
  report.layout = part.layout;
  report.config = part.config;
  return report;
}

std::vector<Finding> context_findings(const Identity& identity, const Part& part,
                                      const Policy& policy, const CheckRequest& request) {
  std::vector<Finding> findings;
  for (const Finding& finding : identity.findings)
    findings.push_back(weighed(finding, policy.base));
  for (const Finding& finding : part.findings) findings.push_back(weighed(finding, policy.base));
  const bool identity_is_contested =
      std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
        return finding.kind == FindingKind::kIdentity && finding.severity == Severity::kError;
      });
  if (!identity_is_contested) against_request(findings, part, request);
  against_expectation(findings, part, policy.expect);
  for (Finding& finding : pair_findings(part, request)) findings.push_back(std::move(finding));
  for (const Undecidable& entry : part.undecidable) findings.push_back(undecided(entry, request));
  return findings;
}

void order_findings(std::vector<Finding>& findings) {
  const auto name = [](const Finding& finding) -> const std::string& {
    return finding.target.empty() ? finding.source : finding.target;
  };
  std::sort(findings.begin(), findings.end(), [&](const Finding& a, const Finding& b) {
    if (a.severity != b.severity) return a.severity > b.severity;
    if (name(a) != name(b)) return natural_less(name(a), name(b));
    return std::tie(a.kind, a.id, a.message) < std::tie(b.kind, b.id, b.message);
  });
}

Verdict verdict_of(const LoadReport& report, Severity fail_at) {
  const bool refused =
      std::any_of(report.findings.begin(), report.findings.end(),
                  [&](const Finding& finding) { return finding.severity >= fail_at; });
  if (refused) return Verdict::kRefused;
  return report.counts.waived != 0 ? Verdict::kAcceptedWithWaivers : Verdict::kAccepted;
}

}  // namespace tenon
