// Codes that only a program, and not the command line, can raise.
#include <gtest/gtest.h>

#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <torch/nn/module.h>

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

struct Pair : torch::nn::Module {
  explicit Pair(c10::Device second) {
    register_parameter("a", at::ones({2}));
    register_parameter("b", at::empty({2}, at::TensorOptions(second)));
  }
};

TEST(Codes, AModuleOnTwoDevicesIsNotFilled) {
  const test::TempDir dir;
  const auto path = dir.write("model.safetensors", test::safetensors_of({{"a", at::ones({2})}, {"b", at::ones({2})}}));
  Pair on_one(at::kCPU);
  EXPECT_TRUE(load_into(on_one, path));
  Pair on_two(at::kMeta);
  const auto refused = load_into(on_two, path);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "TN-BIND");
  EXPECT_NE(refused.error().message.find("\"b\""), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace tenon
