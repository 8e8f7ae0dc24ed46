// The shards of an index, opened together and held against it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tenon/byte_source.h>
#include <tenon/limits.h>

#include "runtime/checkpoint/builder.h"

namespace tenon::checkpoint {

/// "model-00003-of-00007.safetensors" gives "model-", "" for names of another form.
[[nodiscard]] std::string_view shard_family(std::string_view name);

/// Adds every shard that the index names, after all of them were found to exist; gives their names. Codes IX-…
[[nodiscard]] Result<std::vector<std::string>> add_shards(CheckpointBuilder& builder,
                                                          const ByteSource& index,
                                                          const std::string& folder,
                                                          const std::string& prefix,
                                                          const Limits& limits);

}  // namespace tenon::checkpoint
