// GGUF files as bytes, valid or spoiled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/support/safetensors_bytes.h"

namespace tenon::test {

/// One value and one tensor "w", F32 of shape [2, 64].
struct Gguf {
  std::uint32_t version = 3;
  std::uint64_t tensors = 1;
  std::uint64_t values = 1;
  std::string value = text("general.name") + little(8, 4) + text("m");
  std::string dims = little(2, 4) + little(64) + little(2);
  std::uint32_t type = 0;
  std::uint64_t offset = 0;
  std::size_t data = 512;

  static std::string text(const std::string& t) { return little(t.size()) + t; }
  [[nodiscard]] std::string bytes() const {
    std::string out = "GGUF" + little(version, 4) + little(tensors) + little(values) + value;
    out += text("w") + dims + little(type, 4) + little(offset);
    out.resize((out.size() + 31) / 32 * 32);
    return out + std::string(data, 'd');
  }
};

}  // namespace tenon::test
