// The same on a GPU. There is one test a device that answers, so a machine without a GPU has none of them.
#include <gtest/gtest.h>

#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>
#include <torch/nn/modules/linear.h>

#include <tenon/load.h>

#include "runtime/build/device.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torch/golden.h"
#include "tests/support/torch/hand_made.h"

namespace tenon {
namespace {

std::vector<int> devices() {
  std::vector<int> indices;
  if (!loading::usable_device(c10::kCUDA)) return indices;
  for (int i = 0; i < at::detail::getCUDAHooks().getNumGPUs(); ++i) indices.push_back(i);
  return indices;
}

class Cuda : public testing::TestWithParam<int> {
 protected:
  [[nodiscard]] static c10::Device device() { return {c10::kCUDA, static_cast<c10::DeviceIndex>(GetParam())}; }
};

TEST_P(Cuda, ComputesWhatTheReferenceComputes) {
  for (const auto& [family, name] : {std::pair("vit", "timm_plain"), std::pair("clip", "transformers_full")}) {
    const test::Golden golden(family, name);
    const auto outputs = golden.outputs(device());
    ASSERT_TRUE(outputs) << outputs.error().message;
    EXPECT_LE(golden.error(*outputs), 1e-3) << family;  // TF32 and another order of sums
  }
}

TEST_P(Cuda, HoldsTheBytesOfTheFile) {
  const auto path = test::golden_folder("vit", "timm_plain") / "checkpoint.safetensors";
  LoadOptions options;
  options.device = device();
  options.set = test::Golden("vit", "timm_plain").set();
  const auto loaded = load_any(path.string(), options);
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto parameters = loaded->model->named_parameters();
  for (const auto& [name, tensor] : test::read_tensors(path)) {
    EXPECT_EQ(parameters[name].device(), device()) << name;
    EXPECT_TRUE(at::equal(parameters[name].cpu(), tensor)) << name;
  }
  EXPECT_EQ(loaded->report.audit->without_origin, 0U);
}

TEST_P(Cuda, FillsAModuleOfTheUsers) {
  const test::TempDir dir;
  torch::nn::Linear linear(8, 4);
  linear->to(device());
  const std::vector<test::NamedTensor> given = {{"weight", at::rand({4, 8})}, {"bias", at::rand({4})}};
  LoadOptions options;
  options.device = device();
  const auto report = load_into(*linear, dir.write("model.safetensors", test::safetensors_of(given)), options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(at::equal(linear->weight.cpu(), given[0].tensor));
  EXPECT_TRUE(at::equal(linear->bias.cpu(), given[1].tensor));
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Cuda);
INSTANTIATE_TEST_SUITE_P(EveryDevice, Cuda, testing::ValuesIn(devices()));

}  // namespace
}  // namespace tenon
