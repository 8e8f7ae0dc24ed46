// Findings in words: one line each, at most 512 bytes, untrusted names escaped.
#pragma once

#include <string>
#include <string_view>
#include <tenon/checkpoint.h>
#include <tenon/policy.h>
#include <tenon/report.h>

#include "runtime/check/compare.h"
#include "runtime/policy/judge.h"

namespace tenon {

/// The severity, action and rule of a judgement on a finding.
[[nodiscard]] Finding judged(Finding finding, const Judgement& judgement);

[[nodiscard]] Finding missing_finding(const ExpectedTensor& expected, const ExpectedState& state,
                                      const Judgement& judgement);
[[nodiscard]] Finding unexpected_finding(const TensorEntry& tensor,
                                         const UnexpectedTensor& unexpected,
                                         const Judgement& judgement);
/// `refusal` says why an adaption that the policy wants is not possible; empty where none was
/// tried.
[[nodiscard]] Finding shape_finding(const ExpectedTensor& expected, const MappedTensor& mapped,
                                    const Checkpoint& checkpoint, const Judgement& judgement,
                                    std::string_view refusal);
[[nodiscard]] Finding dtype_finding(const ExpectedTensor& expected, const MappedTensor& mapped,
                                    const Checkpoint& checkpoint, const Judgement& judgement);
[[nodiscard]] Finding problem_finding(const ExpectedTensor& expected, const MappingProblem& problem,
                                      const Checkpoint& checkpoint, const Judgement& judgement);

}  // namespace tenon
