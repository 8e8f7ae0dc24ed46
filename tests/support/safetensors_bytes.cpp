#include "tests/support/safetensors_bytes.h"

namespace tenon::test {

std::string little(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

std::string safetensors(std::string_view json, std::string_view data) {
  return little(json.size()) + std::string(json) + std::string(data);
}

std::string entry(std::string_view name,
                  std::string_view dtype,
                  std::string_view shape,
                  std::uint64_t begin,
                  std::uint64_t end) {
  return '"' + std::string(name) + R"(":{"dtype":")" + std::string(dtype) + R"(","shape":)" + std::string(shape) +
         R"(,"data_offsets":[)" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

}  // namespace tenon::test
