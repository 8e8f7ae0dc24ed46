// PhotoMaker and IP-Adapter projectors against a reference in Python written from the formulas (tests/golden/id_modules.py).
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/torch/golden.h"

namespace tenon {
namespace {

using Case = std::pair<std::string, std::string>;  // family, golden

std::vector<Case> cases(const std::vector<std::string>& families) {
  std::vector<Case> all;
  for (const std::string& family : families) {
    for (const std::string& name : test::golden_names(family)) all.emplace_back(family, name);
  }
  return all;
}

std::string readable(const testing::TestParamInfo<Case>& instance) {
  std::string name = instance.param.first + "_" + instance.param.second;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class IdEncoderGolden : public testing::TestWithParam<Case> {};

TEST_P(IdEncoderGolden, ComputesWhatTheReferenceComputes) {
  const test::Golden golden(GetParam().first, GetParam().second);
  const auto outputs = golden.outputs();
  ASSERT_TRUE(outputs) << outputs.error().message << "\n" << outputs.error().remedy;
  EXPECT_LE(golden.error(*outputs), golden.tolerance());
}

TEST_P(IdEncoderGolden, ComputesWhatTheReferenceComputesAsAnotherVersion) {
  const test::Golden golden(GetParam().first, GetParam().second);
  for (const auto& run : golden.also()) {
    const auto outputs = golden.outputs_of(run);
    ASSERT_TRUE(outputs) << run.as << ": " << outputs.error().message;
    EXPECT_LE(golden.error(*outputs, run.expected), golden.tolerance()) << run.as;
  }
}

/// Of the others every mutant needs the reference's insides.
std::vector<Case> cases_with_mutants(std::vector<Case> all) {
  std::erase_if(all, [](const Case& one) { return test::Golden(one.first, one.second).mutants().empty(); });
  return all;
}

class IdEncoderMutant : public testing::TestWithParam<Case> {};

TEST_P(IdEncoderMutant, WouldNoticeAMistake) {
  const test::Golden golden(GetParam().first, GetParam().second);
  for (const auto& mutant : golden.mutants()) {
    const auto outputs = golden.outputs_of(mutant);
    ASSERT_TRUE(outputs) << mutant.name << ": " << outputs.error().message;
    EXPECT_GE(golden.error(*outputs), 10 * golden.tolerance()) << mutant.name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, IdEncoderGolden, testing::ValuesIn(cases({"ip_adapter", "photomaker"})), readable);
INSTANTIATE_TEST_SUITE_P(All, IdEncoderMutant, testing::ValuesIn(cases_with_mutants(cases({"ip_adapter", "photomaker"}))), readable);

}  // namespace
}  // namespace tenon
