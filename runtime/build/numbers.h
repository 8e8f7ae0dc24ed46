// Counting what is not a number, without a copy of the tensor.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace tenon::loading {

struct NumberCounts {
  std::uint64_t nan = 0;
  std::uint64_t inf = 0;
  bool all_zero = false;  // false for an empty tensor
};

/// Any dtype, any device; one pass over the data when every value is finite.
[[nodiscard]] NumberCounts count_numbers(const at::Tensor& tensor);

}  // namespace tenon::loading
