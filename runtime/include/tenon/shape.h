// Shapes and their checked arithmetic.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <tenon/dtype.h>

namespace [[gnu::visibility("default")]] tenon {

using Shape = std::vector<std::int64_t>;

/// Number of elements; nullopt when a dimension is negative or the product of max(dim, 1) exceeds 2^63 - 1.
[[nodiscard]] std::optional<std::int64_t> numel(const Shape& shape);
/// Bytes of a contiguous tensor, rounded up to whole bytes for sub-byte types; nullopt on overflow.
[[nodiscard]] std::optional<std::int64_t> byte_size(DType dtype, const Shape& shape);
/// "[3, 64, 7, 7]"; "[]" for no dimensions.
[[nodiscard]] std::string to_string(const Shape& shape);

struct TensorType {
  DType dtype = DType::kF32;
  Shape shape;
  bool operator==(const TensorType&) const = default;
};

}  // namespace tenon
