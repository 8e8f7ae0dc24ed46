// What a checkpoint says of a part from outside of it: marker tensors, and the metadata of its container.
#pragma once

#include <optional>

#include <tenon/identify.h>

#include "runtime/mapping/table.h"

namespace tenon {

/// The config values that the marks which hold give, as weak as a config file beside the checkpoint.
[[nodiscard]] Config marked_config(const Checkpoint& checkpoint, const FamilyTable& family);

/// TN-METADATA, a warning: a mark names a variant that the part's shapes are not. Shapes win.
[[nodiscard]] std::optional<Finding> contradicted_mark(const Checkpoint& checkpoint, const FamilyTable& family, const Part& part);

}  // namespace tenon
