// What is said of a sound checkpoint, so that nothing is repaired or left out in silence.
#pragma once

#include <vector>

#include <tenon/checkpoint.h>
#include <tenon/identify.h>

#include "runtime/identify/wrappers.h"

namespace tenon {

/// About the files: what their readers noted, a name that speaks of another container, Python objects that are left alone.
[[nodiscard]] std::vector<Finding> checkpoint_notes(const Checkpoint& checkpoint);

/// About a part: the wrappers stripped from its names, and whether averaged weights lie beside it or are absent.
[[nodiscard]] std::vector<Finding> part_notes(const Checkpoint& checkpoint, const Identity& identity, const Part& part, const Wrappers& wrappers);

}  // namespace tenon
