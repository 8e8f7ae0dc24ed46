// Whether files that are given together belong together, as far as their shapes tell.
#pragma once

#include <vector>

#include <tenon/policy.h>

namespace tenon {

/// One finding (TN-PAIR, an error) for each partner that does not fit the part; it names both sides. Where nothing of a partner
/// can be held against the part or another partner, that is said too (TN-PAIR-UNKNOWN, a warning).
[[nodiscard]] std::vector<Finding> pair_findings(const Part& part, const CheckRequest& request);

}  // namespace tenon
