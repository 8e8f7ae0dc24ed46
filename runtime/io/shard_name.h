// What the name of a file says about being one of several.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tenon::io {

struct ShardName {
  std::int64_t number;  // from 1
  std::int64_t count;
};

/// "model-00001-of-00003.safetensors" is 1 of 3; nothing for other names, and for a count of one.
[[nodiscard]] std::optional<ShardName> shard_of(std::string_view file_name);

}  // namespace tenon::io
