// Stage "diagnose": the causes behind a refusal, the root cause first.
#pragma once

#include <tenon/checkpoint.h>
#include <tenon/identify.h>
#include <tenon/policy.h>
#include <tenon/report.h>
#include <vector>

#include "runtime/check/compare.h"

namespace tenon {

/// Everything a rule may look at. Pointers are null where that stage was not reached.
struct Case {
  const Checkpoint& checkpoint;
  const Identity& identity;
  const CheckRequest& request;
  const std::vector<Finding>& findings;
  Severity fail_at = Severity::kError;  // findings from here on refuse, and are what is explained
  const Part* part = nullptr;
  const ModelSpec* expected = nullptr;
  const Mapped* mapped = nullptr;
  const Comparison* compared = nullptr;
};

/// Asks every rule. Each refusing finding is folded under exactly one cause; the answer does not
/// depend on the order of rules, tensors, parts or findings. Empty only when no finding refuses.
[[nodiscard]] std::vector<Diagnosis> diagnose(const Case& subject);

}  // namespace tenon
