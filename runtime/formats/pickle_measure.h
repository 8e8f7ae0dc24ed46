// The one walk over a pickle's values that may meet a cycle.
#pragma once

#include "runtime/formats/pickle_machine.h"

namespace tenon::formats {

/// Visits every value below `root` once, without recursion: refuses cycles (PK-CYCLE), nesting over the limit
/// (PK-NESTING) and duplicate keys (PK-DUPLICATE-KEY), and marks the containers that hold tensors.
[[nodiscard]] Result<void> measure_pickle(NodeId root,
                                          PickleGraph& graph,
                                          const PickleSource& source,
                                          bool enter_objects);

}  // namespace tenon::formats
