// Which part of a checkpoint is meant.
#pragma once

#include <cstddef>
#include <string>

#include <tenon/identify.h>

namespace tenon {

/// The part called `wanted`; without one the single buildable part, plain before EMA, of `family` where one was asked for.
/// Several, or no such part, are kUsage (TN-PART) and list what there is. A single part that is not built is chosen
/// too: its report says why.
[[nodiscard]] Result<std::size_t> choose_part(const Identity& identity,
                                              const std::string& wanted,
                                              const std::string& family,
                                              const std::string& path);

}  // namespace tenon
