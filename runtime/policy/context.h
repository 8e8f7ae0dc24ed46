// What a report says beside its tensors: the head, what was asked against what is there, order and
// verdict.
#pragma once

#include <tenon/identify.h>
#include <tenon/policy.h>
#include <tenon/report.h>
#include <vector>

namespace tenon {

/// A report of the part's identity and the policy's name, with nothing found yet.
[[nodiscard]] LoadReport report_head(const Part& part, const Policy& policy);

/// Findings of identification, weighed by the policy: `--as` and the policy's `expect` against the
/// part, contradictions of the config (errors in strict, else warnings), what nobody has decided.
[[nodiscard]] std::vector<Finding> context_findings(const Identity& identity, const Part& part,
                                                    const Policy& policy,
                                                    const CheckRequest& request);

/// `--as` against the part: another family, or another variant of it.
void against_request(std::vector<Finding>& findings, const Part& part, const CheckRequest& request);

/// Errors first, then natural order of the names.
void order_findings(std::vector<Finding>& findings);

[[nodiscard]] Verdict verdict_of(const LoadReport& report, Severity fail_at);

}  // namespace tenon
