// What the names and shapes of a file say about a UNet.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <tenon/family.h>

#include "models/unet/structure.h"

namespace tenon::models::unet {

/// One match of an `each` read.
struct Match {
  std::vector<std::int64_t> indices;
  std::vector<std::int64_t> shape;
  [[nodiscard]] std::int64_t index(std::size_t i) const { return i < indices.size() ? indices[i] : -1; }
  [[nodiscard]] std::int64_t dim(std::size_t i) const { return i < shape.size() ? shape[i] : 0; }
};
[[nodiscard]] std::vector<Match> matches(const Reads& reads, std::string_view name);

/// From the reads on own names; nullopt where not even the levels can be told. One lost tensor changes nothing: every
/// number is read off several.
[[nodiscard]] std::optional<Structure> structure_of(const Reads& reads);

}  // namespace tenon::models::unet
