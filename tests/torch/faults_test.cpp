// What may go wrong around a load of a whole file into a module: files that change, callbacks that throw, mappings.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <ATen/ops/rand.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <tenon/load.h>

#include "models/vit/vit.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torch/golden.h"
#include "tests/support/torch/hand_made.h"

namespace tenon {
namespace {

using test::fingerprint;

struct TwoLayers : torch::nn::Module {
  TwoLayers() : body(torch::nn::Linear(3, 4), torch::nn::Linear(4, 2)) { register_module("body", body); }
  torch::nn::Sequential body;
};

std::string mlp_bytes() {
  std::vector<test::NamedTensor> tensors;
  const TwoLayers layers;
  for (const auto& item : layers.named_parameters()) tensors.push_back({item.key(), at::rand(item.value().sizes())});
  return test::safetensors_of(tensors);
}

LoadOptions in_mode(IoMode io) {
  LoadOptions options;
  options.io = io;
  return options;
}

TEST(LoadFaults, IO_21_ACallbackThatThrowsLeavesTheModuleAsItWas) {
  const test::TempDir dir;
  const auto path = dir.write("model.safetensors", mlp_bytes());
  bool finished = false;
  for (int k = 0; !finished; ++k) {
    ASSERT_LT(k, 1000);
    TwoLayers layers;
    const auto before = fingerprint(layers);
    auto options = in_mode(IoMode::kRead);
    int calls = 0;
    options.progress = [&](std::string_view, std::uint64_t, std::uint64_t) {
      if (calls++ == k) throw std::runtime_error("from the host");
      return true;
    };
    try {
      const auto report = load_into(layers, path, options);
      finished = calls <= k;
      // Where LibTorch's exceptions are caught the host's becomes an error as well; it is never lost.
      if (!finished) {
        EXPECT_NE(report.error().message.find("from the host"), std::string::npos) << k;
      }
      EXPECT_EQ(report.has_value(), finished) << k;
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "from the host");
    }
    if (!finished) {
      EXPECT_EQ(fingerprint(layers), before) << k;
    }
  }
}

TEST(LoadFaults, IO_15_AFileCutShortWhileItIsReadIsAnErrorAndNoSignal) {
  const test::TempDir dir;
  const auto path = dir.write("model.safetensors", mlp_bytes());
  TwoLayers layers;
  const auto before = fingerprint(layers);
  auto options = in_mode(IoMode::kRead);
  options.progress = [&](std::string_view stage, std::uint64_t, std::uint64_t) {
    if (stage == "plan") std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
    return true;
  };
  const auto report = load_into(layers, path, options);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, "IO-CHANGED") << report.error().message;
  EXPECT_EQ(report.error().kind, ErrorKind::kChanged);
  EXPECT_EQ(fingerprint(layers), before);
  dir.write("model.safetensors", mlp_bytes());
  EXPECT_TRUE(load_into(layers, path, in_mode(IoMode::kRead)));
}

TEST(LoadFaults, IO_14_AFileRewrittenWhileItIsReadIsRefused) {
  const test::TempDir dir;
  const auto bytes = mlp_bytes();
  const auto path = dir.write("model.safetensors", bytes);
  TwoLayers layers;
  const auto before = fingerprint(layers);
  auto options = in_mode(IoMode::kRead);
  options.progress = [&](std::string_view stage, std::uint64_t, std::uint64_t) {
    if (stage == "plan") {
      dir.write("model.safetensors", bytes);
      std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
    }
    return true;
  };
  const auto report = load_into(layers, path, options);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, "IO-CHANGED") << report.error().message;
  EXPECT_EQ(fingerprint(layers), before);
}

bool is_mapped(const std::string& path) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.ends_with(path)) return true;
  }
  return false;
}

/// Whether the checkpoint is mapped at any step of a load, or after it.
bool maps_the_file(IoMode io) {
  const test::TempDir dir;
  const std::string path = (dir.path() / "mapped.safetensors").string();
  const test::Golden golden("vit", "timm_plain");
  std::filesystem::copy_file(test::golden_folder("vit", "timm_plain") / "checkpoint.safetensors", path);
  auto options = in_mode(io);
  options.set = golden.set();
  bool mapped = false;
  options.progress = [&](std::string_view, std::uint64_t, std::uint64_t) {
    mapped = mapped || is_mapped(path);
    return true;
  };
  const auto loaded = load_any(path, options);
  EXPECT_TRUE(loaded) << loaded.error().message;
  return mapped || is_mapped(path);
}

TEST(LoadFaults, ReadModeNeverMapsTheFile) {
  EXPECT_FALSE(maps_the_file(IoMode::kRead));
  EXPECT_TRUE(maps_the_file(IoMode::kMmap));
  EXPECT_TRUE(maps_the_file(IoMode::kAuto));
}

}  // namespace
}  // namespace tenon
