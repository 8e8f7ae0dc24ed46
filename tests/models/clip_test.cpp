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

INSTANTIATE_TEST_SUITE_P(All, ClipGolden, testing::ValuesIn(test::golden_names("clip")), [](const auto& instance) {
  return instance.param;
});

}  // namespace
}  // namespace tenon
