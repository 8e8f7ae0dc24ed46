// What the fuzzers run: each takes any bytes and aborts when a promise is broken. The ordinary tests replay seeds and past
// findings through the same functions.
#pragma once

#include <span>
#include <string_view>

namespace tenon::test {

struct FuzzTarget {
  std::string_view name;
  void (*run)(std::string_view bytes);
};

/// Listed in tests/fuzz/README.md.
[[nodiscard]] std::span<const FuzzTarget> fuzz_targets();

}  // namespace tenon::test
