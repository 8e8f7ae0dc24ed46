// The shards of an index, opened together and held against it.
#pragma once

#include <string>
#include <vector>

#include <tenon/byte_source.h>
#include <tenon/limits.h>

#include "runtime/checkpoint/builder.h"

namespace tenon::checkpoint {

/// Adds every shard that the index names, after all of them were found to exist; gives their names. Codes IX-…
[[nodiscard]] Result<std::vector<std::string>> add_shards(CheckpointBuilder& builder,
                                                          const ByteSource& index,
                                                          const std::string& folder,
                                                          const std::string& prefix,
                                                          const Limits& limits);

}  // namespace tenon::checkpoint
