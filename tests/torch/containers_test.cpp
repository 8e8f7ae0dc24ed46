// Weights for a module of the caller's own out of every container, all or nothing: files of tests/data/mlp/make_mlp.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <tenon/load.h>
#include <tenon/rename.h>

#include "tests/support/gguf_bytes.h"
#include "tests/support/paths.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torch_bytes.h"
#include "tests/support/torch/golden.h"
#include "tests/support/torch/hand_made.h"

namespace tenon {
namespace {

using test::fingerprint;

std::filesystem::path mlp_folder() { return test::source_dir() / "tests/data/mlp"; }

std::string as_test_name(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

torch::nn::Sequential mlp_of(std::int64_t hidden) {
  return torch::nn::Sequential(torch::nn::Linear(3, hidden), torch::nn::BatchNorm1d(hidden), torch::nn::Linear(hidden, 2));
}

void expect_the_mlp(const torch::nn::Sequential& net) {
  const auto parameters = net->named_parameters();
  const auto buffers = net->named_buffers();
  const auto expected = test::read_tensors(mlp_folder() / "model.safetensors");
  ASSERT_EQ(parameters.size() + buffers.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    EXPECT_TRUE(at::equal(parameters.contains(name) ? parameters[name] : buffers[name], tensor)) << name;
  }
}

class Containers : public testing::TestWithParam<const char*> {};

TEST_P(Containers, FillAStockSequentialWithParametersAndBuffers) {
  auto net = mlp_of(4);
  const auto report = load_into(*net, (mlp_folder() / GetParam()).string());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->verdict, Verdict::kAccepted);
  EXPECT_EQ(report->audit->without_origin, 0U);
  expect_the_mlp(net);
}

TEST_P(Containers, LeaveAModuleOfAnotherWidthAsItWas) {
  auto net = mlp_of(5);
  const auto before = fingerprint(*net);
  const auto refused = load_into(*net, (mlp_folder() / GetParam()).string());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kRefused);
  EXPECT_NE(refused.error().message.find("0.bias"), std::string::npos) << refused.error().message;
  EXPECT_EQ(fingerprint(*net), before);
}

INSTANTIATE_TEST_SUITE_P(OfTorch, Containers,
                         testing::Values("model.safetensors", "zip.pt", "legacy.pt", "tar.pt", "script.pt", "wrapped.pt",
                                         "sharded.bin.index.json", "sharded.safetensors.index.json"),
                         as_test_name);

/// The sharded files under the names that transformers gives them, in a folder of their own.
std::string as_folder(const test::TempDir& dir, const std::string& ending, const std::string& index) {
  for (const char* const shard : {"sharded-0", "sharded-1"}) {
    dir.write(shard + ending, test::read_file(mlp_folder() / (shard + ending)));
  }
  dir.write(index, test::read_file(mlp_folder() / ("sharded" + ending + ".index.json")));
  return dir.path().string();
}

TEST(Folders, FillAStockSequentialFromTheShardsOfTheirIndex) {
  for (const auto& [ending, index] : {std::pair(".safetensors", "model.safetensors.index.json"), std::pair(".bin", "pytorch_model.bin.index.json")}) {
    const test::TempDir dir;
    auto net = mlp_of(4);
    const auto report = load_into(*net, as_folder(dir, ending, index));
    ASSERT_TRUE(report) << report.error().message;
    expect_the_mlp(net);
  }
}

TEST(Folders, LeaveTheModuleAsItWasWhenAShardIsNotThere) {
  const test::TempDir dir;
  const auto folder = as_folder(dir, ".safetensors", "model.safetensors.index.json");
  std::filesystem::remove(dir.path() / "sharded-1.safetensors");
  auto net = mlp_of(4);
  const auto before = fingerprint(*net);
  const auto refused = load_into(*net, folder);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kNotFound);
  EXPECT_NE(refused.error().message.find("sharded-1.safetensors"), std::string::npos) << refused.error().message;
  EXPECT_EQ(fingerprint(*net), before);
}

struct Projection : torch::nn::Module {
  Projection(const at::Tensor& shared, bool with_bias) : weight(register_parameter("weight", shared)) {
    if (with_bias) bias = register_parameter("bias", at::zeros({3}));
  }
  at::Tensor weight;
  at::Tensor bias;
};

/// Two layers that share a weight, and a buffer.
struct TiedLayers : torch::nn::Module {
  explicit TiedLayers(const at::Tensor& shared = at::zeros({3, 3}))
      : encoder(register_module("encoder", std::make_shared<Projection>(shared, false))),
        decoder(register_module("decoder", std::make_shared<Projection>(shared, true))),
        steps(register_buffer("steps", at::zeros({2}, at::kLong))) {}
  std::shared_ptr<Projection> encoder;
  std::shared_ptr<Projection> decoder;
  at::Tensor steps;
};

class TiedContainers : public testing::TestWithParam<const char*> {};

TEST_P(TiedContainers, FillASharedWeightOnceAndTheBufferBesideIt) {
  TiedLayers tied;
  const auto report = load_into(tied, (mlp_folder() / GetParam()).string());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->counts.expected, 3U);
  EXPECT_EQ(report->counts.matched, 3U);
  const auto expected = test::read_tensors(mlp_folder() / "tied.safetensors");
  EXPECT_TRUE(at::equal(tied.encoder->weight, expected.contains("encoder.weight") ? expected.at("encoder.weight") : expected.at("decoder.weight")));
  EXPECT_EQ(tied.encoder->weight.data_ptr(), tied.decoder->weight.data_ptr());
  EXPECT_TRUE(at::equal(tied.decoder->bias, expected.at("decoder.bias")));
  EXPECT_TRUE(at::equal(tied.steps, expected.at("steps")));
}

INSTANTIATE_TEST_SUITE_P(OfTorch, TiedContainers,
                         testing::Values("tied.safetensors", "tied.zip.pt", "tied.legacy.pt", "tied.tar.pt", "tied.script.pt"),
                         as_test_name);

TEST(BigEndianFiles, FillWithTheNumbersThatWereSaved) {
  const auto path = [&](const test::TempDir& dir, const char* order, const std::string& data) {
    auto members = test::torch_members(test::program(test::dict_of(test::plain_tensor())));
    members[1].content = order;
    members[2].content = data;
    return dir.write(std::string(order) + ".pt", test::zip(members));
  };
  const std::string little("\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40", 16);
  const std::string big("\x3f\x80\0\0\x40\0\0\0\x40\x40\0\0\x40\x80\0\0", 16);
  const test::TempDir dir;
  const std::vector<RenameRow> rows{{{"w"}, "weight"}};
  for (const std::string& file : {path(dir, "little", little), path(dir, "big", big)}) {
    for (const IoMode io : {IoMode::kRead, IoMode::kMmap}) {
      LoadOptions options;
      options.io = io;
      torch::nn::Linear layer(torch::nn::LinearOptions(2, 2).bias(false));
      const auto report = load_into(*layer, file, options, rows);
      ASSERT_TRUE(report) << report.error().message;
      EXPECT_TRUE(at::equal(layer->weight, at::arange(1, 5, at::kFloat).view({2, 2}))) << file;
    }
  }
}

// Plain numbers too, by whatever policy.
TEST(GgufFiles, AreDeclinedAndTheModuleStaysAsItWas) {
  const std::vector<RenameRow> rows{{{"w"}, "weight"}};
  torch::nn::Linear layer(torch::nn::LinearOptions(64, 2).bias(false));
  const auto before = fingerprint(*layer);
  const test::TempDir dir;
  test::Gguf packed;
  packed.type = 2;
  packed.data = 128 / 32 * 18;
  dir.write("plain.gguf", test::Gguf().bytes());
  dir.write("packed.gguf", packed.bytes());
  for (const auto* const name : {"plain.gguf", "packed.gguf"}) {
    const std::string path = dir / name;
    ASSERT_TRUE(open_checkpoint(path)) << open_checkpoint(path).error().message;
    for (const auto* const policy : {"strict", "lenient", "hf-like", "ignore_mismatched_sizes", "a cast"}) {
      LoadOptions options;
      options.policy = policy_preset(policy).value_or(Policy().cast("weight", DType::kF32));
      const auto refused = load_into(*layer, path, options, rows);
      ASSERT_FALSE(refused) << name << ", " << policy;
      EXPECT_EQ(refused.error().kind, ErrorKind::kUnsupported) << refused.error().message;
      EXPECT_EQ(refused.error().code, "GG-LOAD") << refused.error().message;
      EXPECT_EQ(refused.error().message, path + ": a GGUF file; its tensors are listed and never loaded; safetensors or torch.save weights are required [GG-LOAD]");
      EXPECT_EQ(fingerprint(*layer), before) << name << ", " << policy;
    }
  }
}

}  // namespace
}  // namespace tenon
