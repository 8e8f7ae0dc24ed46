// Survivors into parts: every tensor of the file belongs to exactly one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/identify/candidates.h"

namespace tenon {

struct PartDraft {
  Candidate candidate;
  std::string name;
  std::vector<std::uint32_t> leftover;   // of the part, explained by nothing
  std::vector<IgnoredTensor> harmless;   // by the wrappers' table
};

/// In the order of the parts' first tensors.
[[nodiscard]] std::vector<PartDraft> draft_parts(const Checkpoint& checkpoint, std::vector<Candidate> survivors, const Wrappers& wrappers);

}  // namespace tenon
