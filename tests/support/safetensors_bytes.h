// safetensors files as bytes, valid or spoiled.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tenon::test {

/// Little-endian bytes of a number.
[[nodiscard]] std::string little(std::uint64_t value, int bytes = 8);
/// Length, header, data.
[[nodiscard]] std::string safetensors(std::string_view json, std::string_view data = {});
/// One header entry: `"name":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}`.
[[nodiscard]] std::string entry(std::string_view name,
                                std::string_view dtype,
                                std::string_view shape,
                                std::uint64_t begin,
                                std::uint64_t end);

}  // namespace tenon::test
