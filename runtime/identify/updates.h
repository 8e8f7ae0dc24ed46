// Which modules of another model the names of a low-rank update point to.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include <tenon/checkpoint.h>
#include <tenon/identify.h>

#include "runtime/mapping/table.h"

namespace tenon {

/// One entry a module, sorted by model and name; names behind `prefix`. Empty where the layout changes no other model.
[[nodiscard]] std::vector<ModuleUpdate> read_updates(const Checkpoint& checkpoint,
                                                     const std::vector<std::uint32_t>& tensors,
                                                     std::string_view prefix,
                                                     const UpdateTable& table);

}  // namespace tenon
