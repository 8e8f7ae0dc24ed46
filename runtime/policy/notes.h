// Notes on a load that goes well: nothing is left out or put right in silence.
#pragma once

#include <tenon/checkpoint.h>
#include <tenon/identify.h>
#include <tenon/report.h>
#include <vector>

#include "runtime/check/compare.h"

namespace tenon {

/// One note for each reason that tensors are ignored for, and one that counts what the layout's rows rename, join or transpose.
[[nodiscard]] std::vector<Finding> what_was_put_right(const Checkpoint& checkpoint, const Part& part,
                                                      const Comparison& compared,
                                                      const std::vector<Provenance>& tensors);

}  // namespace tenon
