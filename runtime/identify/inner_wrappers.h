// Wrappers around single modules of a model, in the middle of names: "blocks.0._fsdp_wrapped_module.attn.qkv.weight".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <tenon/checkpoint.h>
#include <tenon/identify.h>

#include "runtime/identify/tables.h"

namespace tenon {

/// A listing without its inner wrappers.
struct Unwrapped {
  Checkpoint checkpoint;
  std::vector<std::uint32_t> places;           // of its tensors, in the file's own listing
  std::vector<std::vector<std::string>> lost;  // by place in the file's own listing: the wrappers that the name lost
};

/// Nothing where no name holds an inner wrapper, and where two names would become one: then they are no wrappers.
[[nodiscard]] std::optional<Unwrapped> without_inner_wrappers(const Checkpoint& checkpoint, const WrapperTable& wrappers);

/// How many tensors an identity has a place for.
[[nodiscard]] std::size_t count_explained(const Identity& identity);

/// Turns what was said of the unwrapped listing into the same about the file's own, and says in each part what its names lost.
void speak_of_the_file(Identity& identity, const Unwrapped& unwrapped, const Checkpoint& file, const WrapperTable& wrappers);

}  // namespace tenon
