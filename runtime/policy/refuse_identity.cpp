// Reports where no plan can be made, because it is not settled what the checkpoint is or because
// tenon has no model.
#include <algorithm>
#include <fmt/format.h>
#include <tenon/policy.h>

#include "runtime/diagnose/diagnose.h"
#include "runtime/io/text.h"
#include "runtime/policy/context.h"
#include "runtime/policy/findings.h"
#include "runtime/policy/pairs.h"
#include "runtime/value/general_finding.h"

namespace tenon {
namespace {

Finding refusal(std::string_view id, std::string message) {
  return general_finding(id, FindingKind::kIdentity, Severity::kError, std::move(message),
                         fmt::format("tenon explain {}", id));
}

/// What identification leaves open, unless it has said so itself.
void against_status(std::vector<Finding>& findings, const Checkpoint& checkpoint,
                    const Identity& identity) {
  const bool is_said = std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.kind == FindingKind::kIdentity && finding.severity == Severity::kError;
  });
  if (is_said) return;
  if (identity.status == IdentityStatus::kUnknown) {
    findings.push_back(refusal(
        "TN-IDENTITY-UNKNOWN",
        fmt::format("{} tensors, of no layout that tenon knows", checkpoint.tensors.size())));
  } else if (identity.status == IdentityStatus::kAmbiguous) {
    findings.push_back(
        refusal("TN-IDENTITY-AMBIGUOUS", "more than one model explains these names"));
  }
}

/// No part was chosen: a family that was asked for and that none of them is.
void against_all_parts(std::vector<Finding>& findings, const Identity& identity,
                       const CheckRequest& request) {
  const bool is_there =
      std::any_of(identity.parts.begin(), identity.parts.end(),
                  [&](const Part& part) { return part.family == request.family; });
  const bool any_known = std::any_of(identity.parts.begin(), identity.parts.end(),
                                     [](const Part& part) { return !part.family.empty(); });
  if (request.family.empty() || is_there || !any_known) return;
  findings.push_back(
      refusal("TN-FAMILY", fmt::format("no part of this file is {}", io::escape(request.family))));
}

/// The part that a refusal is about where the caller chose none: the only one.
const Part* chosen(const Identity& identity, const Part* part) {
  return part == nullptr && identity.parts.size() == 1 ? &identity.parts[0] : part;
}

void against_part(std::vector<Finding>& findings, const Part& part, const CheckRequest& request) {
  findings.insert(findings.end(), part.findings.begin(), part.findings.end());
  if (part.family.empty()) return;
  against_request(findings, part, request);
  for (Finding& finding : pair_findings(part, request)) findings.push_back(std::move(finding));
  const bool says_why = std::any_of(part.findings.begin(), part.findings.end(), [](const Finding& finding) {
    return finding.severity == Severity::kError;
  });
  if (part.buildable || says_why) return;
  findings.push_back(
      refusal("TN-NOT-BUILT",
              fmt::format("tenon recognises {} and has no model for it", io::escape(part.family))));
}

}  // namespace

LoadReport refuse_identity(const Checkpoint& checkpoint, const Identity& identity, const Part* part,
                           const CheckRequest& request) {
  part = chosen(identity, part);
  LoadReport report = part == nullptr ? LoadReport{} : report_head(*part, Policy{});
  report.loadable = false;
  report.counts.found = part == nullptr ? checkpoint.tensors.size() : part->tensors.size();
  report.counts.unexpected = report.counts.found;
  report.findings = identity.findings;
  if (part != nullptr) {
    against_part(report.findings, *part, request);
  } else {
    against_all_parts(report.findings, identity, request);
  }
  against_status(report.findings, checkpoint, identity);
  order_findings(report.findings);
  if (verdict_of(report, Severity::kError) != Verdict::kRefused) {
    report.findings.insert(report.findings.begin(),
                           refusal("TN-IDENTITY-UNKNOWN", "no part of this file can be built"));
  }
  report.diagnosis =
      diagnose({checkpoint, identity, request, report.findings, Severity::kError, part});
  return report;
}

std::vector<Diagnosis> diagnose_identity(const Checkpoint& checkpoint, const Identity& identity) {
  std::vector<Finding> findings = identity.findings;
  against_status(findings, checkpoint, identity);
  const CheckRequest request;
  return diagnose({checkpoint, identity, request, findings, Severity::kError});
}

}  // namespace tenon
