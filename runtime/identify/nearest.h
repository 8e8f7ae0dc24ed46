// For a checkpoint that nothing explains: the known layout that comes nearest, in words.
#pragma once

#include <string>

#include <tenon/checkpoint.h>

#include "runtime/identify/tables.h"

namespace tenon {

/// "vit (timm): 3 of its 24 names are there"; empty when no layout shares a name.
[[nodiscard]] std::string nearest_known(const Checkpoint& checkpoint, const Tables& tables);

}  // namespace tenon
