// Mapping without tables: a file whose names are the module's own, behind at most one prefix.
#pragma once

#include <tenon/checkpoint.h>
#include <tenon/identify.h>
#include <tenon/mapping.h>
#include <tenon/spec.h>

namespace tenon::loading {

/// Takes the tensors of `part` (all of the checkpoint's when it lists none) under the prefix behind which most of the expected names are found; of
/// equals the shortest. Sets the part's prefix. A tensor of another name is unexpected; an alias of a tied tensor counts
/// as a twin, which must be equal.
[[nodiscard]] Mapped map_own_names(const Checkpoint& checkpoint, const ModelSpec& spec, Part& part);

}  // namespace tenon::loading
