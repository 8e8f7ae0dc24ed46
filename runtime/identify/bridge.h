// One family's own names into another's, where the caller asks for the other.
#pragma once

#include <memory>

#include <tenon/checkpoint.h>
#include <tenon/mapping.h>

#include "runtime/identify/tables.h"

namespace tenon {

/// The bridge to `to` from a family; null when there is none.
[[nodiscard]] const BridgeTable* find_bridge(const FamilyTable& to, std::string_view from);

/// A mapping in the bridge's own names, its expressions on the file's tensors; what the bridge does not take is unexpected.
[[nodiscard]] Mapped cross_bridge(const FamilyTable& to, const BridgeTable& bridge, Mapped mapped);

}  // namespace tenon
