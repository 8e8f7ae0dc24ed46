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
  Shape shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// Reads the header in file order (a deque, since a growing vector would hold the list twice); metadata and notes go into `listing`. `text` has simdjson's padding behind it and is
/// known to be JSON. Refusals name the tensor and the byte of the token.
[[nodiscard]] Result<std::deque<StatedTensor>> read_stated_tensors(const std::string& file,
                                                                    std::string_view text,
                                                                    const Limits& limits,
                                                                    Listing& listing);

/// The rules that tie the entries to each other and to the data: unique names, sizes that follow from shapes, and
/// every one of `data_bytes` owned by exactly one tensor.
[[nodiscard]] Result<void> check_layout(const std::string& file,
                                        std::uint64_t data_bytes,
                                        const std::deque<StatedTensor>& tensors);

}  // namespace tenon::formats
