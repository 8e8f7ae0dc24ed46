// The safetensors header as it stands, before its entries are held against each other.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include <tenon/byte_source.h>
#include <tenon/limits.h>

#include "runtime/formats/listing.h"

namespace tenon::formats {

inline constexpr std::uint64_t kSafetensorsLengthBytes = 8;

/// A tensor as the header states it; offsets count from the first data byte.
struct StatedTensor {
  std::string name;
  DType dtype = DType::kF32;
  std::uint32_t first_dim = 0;  // in StatedTensors::dims
  std::uint32_t rank = 0;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// All of them, in file order. Deques and one pool of dimensions, since a hostile header is mostly entries: a vector that
/// grows holds the list twice, and a shape of its own costs each entry half its text.
struct StatedTensors {
  std::deque<StatedTensor> items;
  std::deque<std::int64_t> dims;
  [[nodiscard]] Shape shape_of(const StatedTensor& tensor) const {
    const auto first = dims.begin() + tensor.first_dim;
    return {first, first + tensor.rank};
  }
};

/// Reads the header in file order; metadata and notes go into `listing`. `text` has simdjson's padding behind it and is
/// known to be JSON. Refusals name the tensor and the byte of the token.
[[nodiscard]] Result<StatedTensors> read_stated_tensors(const std::string& file,
                                                                    std::string_view text,
                                                                    const Limits& limits,
                                                                    Listing& listing);

/// The rules that tie the entries to each other and to the data: unique names, sizes that follow from shapes, and
/// every one of `data_bytes`, which follow the first `data_begin`, owned by exactly one tensor.
[[nodiscard]] Result<void> check_layout(const std::string& file,
                                        std::uint64_t data_begin,
                                        std::uint64_t data_bytes,
                                        const StatedTensors& tensors);

}  // namespace tenon::formats
