// The index of a sharded checkpoint: which file holds which tensor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <tenon/byte_source.h>
#include <tenon/limits.h>

#include "runtime/formats/listing.h"

namespace tenon::formats {

struct ShardIndex {
  struct Item {
    std::string tensor;
    std::uint32_t shard = 0;
  };
  std::vector<std::string> shards;  // plain file names, sorted, each once
  std::vector<Item> tensors;        // sorted by name, each once
  std::optional<std::uint64_t> total_size;
  std::vector<ContainerNote> notes;
};

/// Every shard name is a plain name of a file beside the index: no separator, no "..", no drive, no URL.
[[nodiscard]] Result<ShardIndex> read_index(const ByteSource& source, const Limits& limits);

}  // namespace tenon::formats
