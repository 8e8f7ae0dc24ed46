// Codes that only a program, and not the command line, can raise.
#include <gtest/gtest.h>

#include <ATen/ops/ones.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <tenon/load.h>

#include "runtime/build/save.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torch/hand_made.h"

namespace tenon {
namespace {

std::string saved(const std::string& name, const at::Tensor& tensor) {
  const test::TempDir dir;
  const auto done = loading::save_safetensors((dir.path() / "out.safetensors").string(), {{name, tensor}});
  return done ? "" : done.error().code;
}

TEST(Codes, ATensorIsSavedUnderAnUtf8NameOnly) {
  EXPECT_EQ(saved("\xff", at::ones({2})), "TN-SAVE-NAME");
  EXPECT_EQ(saved("\xc3\xbf", at::ones({2})), "");
}

TEST(Codes, AComplexTensorHasNoPlaceInSafetensors) {
  EXPECT_EQ(saved("x", at::ones({2}, at::kComplexDouble)), "TN-SAVE-DTYPE");
  EXPECT_EQ(saved("x", at::ones({2}, at::kDouble)), "");
}

TEST(Codes, APlanThatNobodyMadeIsRefused) { EXPECT_EQ(build(Planned{}, {}).error().code, "TN-REFUSED"); }

TEST(Codes, AModuleOnTwoDevicesIsNotFilled) {
  const test::TempDir dir;
  torch::nn::Sequential module(torch::nn::Linear(2, 2), torch::nn::Linear(2, 2));
  const auto path = dir.write("model.safetensors", test::safetensors_of({{"0.weight", at::ones({2, 2})},
                                                                         {"0.bias", at::ones({2})},
                                                                         {"1.weight", at::ones({2, 2})},
                                                                         {"1.bias", at::ones({2})}}));
  EXPECT_TRUE(load_into(*module, path));
  module[1]->to(at::kMeta);
  const auto refused = load_into(*module, path);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "TN-BIND");
  EXPECT_NE(refused.error().message.find("\"1.weight\""), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace tenon
