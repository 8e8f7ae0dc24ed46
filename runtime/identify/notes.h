// What is said of a sound checkpoint, so that nothing is repaired or left out in silence.
#pragma once

#include <vector>

#include <tenon/checkpoint.h>
#include <tenon/identify.h>

#include "runtime/identify/wrappers.h"

namespace tenon {

/// A file's name that speaks of another container than its bytes. For reports on a load alone: what a file is does not depend on
/// its name.
[[nodiscard]] std::vector<Finding> ending_notes(const Checkpoint& checkpoint);

/// About the files: another stream than is usual, Python objects that are left alone.
[[nodiscard]] std::vector<Finding> checkpoint_notes(const Checkpoint& checkpoint);

/// About a part: the wrappers stripped from its names, and whether averaged weights lie beside it or are absent.
[[nodiscard]] std::vector<Finding> part_notes(const Checkpoint& checkpoint, const Identity& identity, const Part& part, const Wrappers& wrappers);

}  // namespace tenon
