#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/torch/golden.h"

namespace tenon {
namespace {

class ClipGolden : public testing::TestWithParam<std::string> {};

TEST_P(ClipGolden, ComputesWhatTheReferenceComputes) {
  const test::Golden golden("clip", GetParam());
  const auto outputs = golden.outputs();
  ASSERT_TRUE(outputs) << outputs.error().message << "\n" << outputs.error().remedy;
  EXPECT_LE(golden.error(*outputs), golden.tolerance());
}

TEST_P(ClipGolden, WouldNoticeAMistake) {
  const test::Golden golden("clip", GetParam());
  for (const auto& mutant : golden.mutants()) {
    const auto outputs = golden.outputs_of(mutant);
    ASSERT_TRUE(outputs) << mutant.name << ": " << outputs.error().message;
    EXPECT_GE(golden.error(*outputs), 10 * golden.tolerance()) << mutant.name;
  }
}

/// Those that load under strict as CLIP: the bridge to ViT and another image size need a request of their own.
std::vector<std::string> strict_goldens() {
  auto names = test::golden_names("clip");
  std::erase_if(names, [](const std::string& name) { return name.starts_with("bridge_") || name.ends_with("_resized"); });
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, ClipGolden, testing::ValuesIn(strict_goldens()), [](const auto& instance) {
  return instance.param;
});

}  // namespace
}  // namespace tenon
