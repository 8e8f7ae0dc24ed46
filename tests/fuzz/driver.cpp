// libFuzzer's entry; the target is chosen by the environment variable TENON_FUZZ_TARGET.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tests/support/fuzz_targets.h"

namespace {

const tenon::test::FuzzTarget* chosen() {
  const char* name = std::getenv("TENON_FUZZ_TARGET");
  for (const auto& target : tenon::test::fuzz_targets()) {
    if (name != nullptr && target.name == name) return &target;
  }
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const tenon::test::FuzzTarget* const target = chosen();
  target->run({reinterpret_cast<const char*>(data), size});
  return 0;
}
