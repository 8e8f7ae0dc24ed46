#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/rand.h>
#include <torch/nn/modules/linear.h>

#include <tenon/load.h>
#include <tenon/nn/layers.h>

#include "runtime/build/device.h"
#include "runtime/build/run_plan.h"
#include "tests/fake_cuda/fake_cuda.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torch/golden.h"
#include "tests/support/torch/hand_made.h"

namespace tenon {
namespace {

namespace fake = test::fake_cuda;
using test::checkpoint_of;
using test::fingerprint;
using test::plan_by_name;

struct Net : nn::Module {
  Net() : a(child<nn::Linear>("a", 8, 16)), norm(child<nn::LayerNorm>("norm", 16)), b(child<nn::Linear>("b", 16, 4)) {}
  at::Tensor forward(const at::Tensor& x) const { return b->forward(at::gelu(norm->forward(a->forward(x)))); }
  std::shared_ptr<nn::Linear> a;
  std::shared_ptr<nn::LayerNorm> norm;
  std::shared_ptr<nn::Linear> b;
};

std::vector<test::NamedTensor> weights(at::ScalarType dtype = at::kFloat) {
  std::vector<test::NamedTensor> all;
  for (const auto& item : Net().named_parameters()) all.push_back({item.key(), at::rand(item.value().sizes()).to(dtype)});
  return all;
}

LoadOptions on_cuda(int index = 0) {
  LoadOptions options;
  options.device = c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index));
  return options;
}

class FakeCuda : public testing::Test {
 protected:
  void TearDown() override {
    fake::fail_allocation(-1);
    fake::fail_copy(-1);
    fake::set_free_bytes(std::uint64_t{1} << 40);
  }
};

TEST_F(FakeCuda, HoldsEveryTensorOfALoadedModule) {
  const auto given = weights();
  const auto checkpoint = checkpoint_of(given);
  Net net;
  const auto report = loading::run_plan(net, checkpoint, plan_by_name(net, checkpoint), {}, on_cuda(1));
  ASSERT_TRUE(report) << report.error().message;
  for (const auto& [name, tensor] : given) {
    const auto bound = net.named_parameters()[name];
    EXPECT_EQ(bound.device(), c10::Device(c10::kCUDA, 1)) << name;
    EXPECT_TRUE(at::equal(bound.cpu(), tensor)) << name;
  }
  EXPECT_EQ(report->audit->without_origin, 0U);
}

TEST_F(FakeCuda, ComputesWhatTheCpuComputes) {
  const auto checkpoint = checkpoint_of(weights());
  Net host;
  Net device;
  ASSERT_TRUE(loading::run_plan(host, checkpoint, plan_by_name(host, checkpoint), {}, {}));
  ASSERT_TRUE(loading::run_plan(device, checkpoint, plan_by_name(device, checkpoint), {}, on_cuda()));
  const auto x = at::rand({3, 8});
  const auto y = device.forward(x.to(c10::kCUDA));
  EXPECT_TRUE(y.is_cuda());
  EXPECT_TRUE(at::allclose(y.cpu(), host.forward(x)));
}

TEST_F(FakeCuda, CastsOnTheDevice) {
  const auto given = weights(at::kHalf);
  const auto checkpoint = checkpoint_of(given);
  Net net;
  auto plan = plan_by_name(net, checkpoint);
  for (auto& step : plan.steps) step.type.dtype = DType::kF32;
  ASSERT_TRUE(loading::run_plan(net, checkpoint, plan, {}, on_cuda()));
  for (const auto& [name, tensor] : given) EXPECT_TRUE(at::equal(net.named_parameters()[name].cpu(), tensor.to(at::kFloat)));
}

TEST_F(FakeCuda, TakesTheBytesThatTheStatementSays) {
  const auto checkpoint = checkpoint_of({{"weight", at::rand({512, 1024})}, {"bias", at::rand({512})}});
  nn::Linear layer(1024, 512);
  const auto plan = plan_by_name(layer, checkpoint);
  const auto before = fake::bytes_in_use();
  (void)fake::take_peak_bytes();
  const auto report = loading::run_plan(layer, checkpoint, plan, {}, on_cuda());
  ASSERT_TRUE(report);
  const auto used = static_cast<double>(fake::take_peak_bytes() - before);
  EXPECT_NEAR(static_cast<double>(report->memory.device_bytes), used, 0.05 * used);
}

TEST_F(FakeCuda, IsRefusedBeforeReadingWhereItsMemoryIsTooSmall) {
  const auto checkpoint = checkpoint_of(weights(), [](std::string bytes) {
    return std::make_shared<test::FaultySource>(std::move(bytes), 0);
  });
  fake::set_free_bytes(1000);
  Net net;
  const auto report = loading::run_plan(net, checkpoint, plan_by_name(net, checkpoint), {}, on_cuda());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, "TN-MEMORY");
  EXPECT_NE(report.error().message.find("device"), std::string::npos);
}

TEST_F(FakeCuda, HasOnlyTheDevicesItHas) {
  EXPECT_TRUE(loading::usable_device(c10::Device(c10::kCUDA, 1)));
  const auto missing = loading::usable_device(c10::Device(c10::kCUDA, 2));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::kDevice);
  EXPECT_NE(missing.error().message.find("cuda:2"), std::string::npos);
}

TEST_F(FakeCuda, IsEnabledAlready) { EXPECT_TRUE(enable_cuda()); }

class FakeCudaFailure : public FakeCuda, public testing::WithParamInterface<int> {};

TEST_P(FakeCudaFailure, IO_18_OfMemoryLeavesTheModuleAsItWas) {
  const auto checkpoint = checkpoint_of(weights());
  Net net;
  const auto before = fingerprint(net);
  const auto used = fake::bytes_in_use();
  fake::fail_allocation(GetParam());
  const auto report = loading::run_plan(net, checkpoint, plan_by_name(net, checkpoint), {}, on_cuda());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::kOutOfMemory) << report.error().message;
  EXPECT_EQ(fingerprint(net), before);
  EXPECT_EQ(fake::bytes_in_use(), used);
}

TEST_P(FakeCudaFailure, IO_19_OfTheDeviceLeavesTheModuleAsItWas) {
  const auto checkpoint = checkpoint_of(weights());
  Net net;
  const auto before = fingerprint(net);
  const auto used = fake::bytes_in_use();
  fake::fail_copy(GetParam());
  const auto report = loading::run_plan(net, checkpoint, plan_by_name(net, checkpoint), {}, on_cuda());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::kDevice) << report.error().message;
  EXPECT_EQ(fingerprint(net), before);
  EXPECT_EQ(fake::bytes_in_use(), used);
}

INSTANTIATE_TEST_SUITE_P(AtEveryTensor, FakeCudaFailure, testing::Range(0, 6));

TEST_F(FakeCuda, RunsAWholeModelLikeTheReference) {
  for (const auto& [family, name] : {std::pair("vit", "timm_plain"), std::pair("clip", "transformers_full")}) {
    const test::Golden golden(family, name);
    const auto outputs = golden.outputs(c10::kCUDA);
    ASSERT_TRUE(outputs) << outputs.error().message;
    EXPECT_LE(golden.error(*outputs), golden.tolerance()) << family;
  }
}

struct Stock : torch::nn::Module {
  Stock() : a(torch::nn::Linear(8, 16)), b(torch::nn::Linear(16, 4)) {
    register_module("a", a);
    register_module("b", b);
  }
  torch::nn::Linear a;
  torch::nn::Linear b;
};

/// The contents of device tensors too, which fingerprint() leaves out.
std::vector<at::Tensor> contents(const torch::nn::Module& module) {
  std::vector<at::Tensor> all;
  for (const auto& parameter : module.parameters()) all.push_back(parameter.cpu());
  return all;
}

TEST_F(FakeCuda, AModuleOfTheUsersStaysWhereverTheDeviceFails) {
  const test::TempDir dir;
  std::vector<test::NamedTensor> given;
  for (const auto& item : Stock().named_parameters()) given.push_back({item.key(), at::rand(item.value().sizes())});
  const auto path = dir.write("model.safetensors", test::safetensors_of(given));
  for (const auto fail_at : {fake::fail_copy, fake::fail_allocation}) {
    bool failed = true;
    int k = 0;
    for (; failed; ++k) {
      Stock stock;
      stock.to(c10::kCUDA);
      const auto before = fingerprint(stock);
      const auto values = contents(stock);
      fail_at(k);
      const auto report = load_into(stock, path, on_cuda());
      fail_at(-1);
      failed = !report;
      if (!failed) break;
      EXPECT_EQ(fingerprint(stock), before) << "at " << k;
      const auto after = contents(stock);
      for (std::size_t i = 0; i < values.size(); ++i) EXPECT_TRUE(at::equal(after[i], values[i])) << "at " << k;
    }
    EXPECT_GE(k, static_cast<int>(given.size()));
  }
}

TEST_F(FakeCuda, ALoadThatFailsGivesTheDevicesMemoryBack) {
  const auto path = (test::golden_folder("vit", "timm_plain") / "checkpoint.safetensors").string();
  LoadOptions options = on_cuda();
  options.set = test::Golden("vit", "timm_plain").set();
  const auto used = fake::bytes_in_use();
  for (const auto fail_at : {fake::fail_copy, fake::fail_allocation}) {
    bool failed = true;
    int k = 0;
    for (; failed; ++k) {
      fail_at(k);
      const auto loaded = load_any(path, options);
      fail_at(-1);
      failed = !loaded;
      if (failed) {
        EXPECT_EQ(fake::bytes_in_use(), used) << "at " << k;
      }
    }
    EXPECT_GE(k, 20);
  }
}

}  // namespace
}  // namespace tenon
