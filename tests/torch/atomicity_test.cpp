// load_into and load from real files, broken in turn at every tensor: the target stays as it was, bit for bit.
#include <gtest/gtest.h>

#include <filesystem>

#include <ATen/ops/rand.h>
#include <ATen/ops/zeros.h>
#include <c10/core/CPUAllocator.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

#include <tenon/load.h>

#include "models/vit/vit.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torch/golden.h"
#include "tests/support/torch/hand_made.h"

namespace tenon {
namespace {

using test::fingerprint;
using test::NamedTensor;
using test::reading;
using test::TempDir;
using test::write_tensors;

/// A module of LibTorch's own, in half precision, so that every load of the F32 file casts.
struct HalfNet : torch::nn::Module {
  HalfNet() : first(torch::nn::Linear(3, 4)), norm(torch::nn::BatchNorm1d(4)), last(torch::nn::Linear(4, 2)) {
    register_module("first", first);
    register_module("norm", norm);
    register_module("last", last);
    for (auto& parameter : parameters()) parameter.set_data(parameter.to(at::kHalf));
    for (auto& buffer : buffers()) {
      if (buffer.is_floating_point()) buffer.set_data(buffer.to(at::kHalf));
    }
  }
  torch::nn::Linear first;
  torch::nn::BatchNorm1d norm;
  torch::nn::Linear last;
};

std::vector<NamedTensor> half_weights() {
  std::vector<NamedTensor> all;
  const auto add = [&](const auto& items) {
    for (const auto& item : items) {
      const auto& value = item.value();
      all.push_back({item.key(), value.is_floating_point() ? at::rand(value.sizes()) : at::zeros(value.sizes(), value.options())});
    }
  };
  const HalfNet net;
  add(net.named_parameters());
  add(net.named_buffers());
  return all;
}

/// The file loads into a fresh module, and is then refused once `spoil` had its way; the second module is untouched.
void expect_untouched(const std::string& sound, const std::string& spoiled, const LoadOptions& options, ErrorKind kind) {
  HalfNet other;
  const auto accepted = load_into(other, sound, reading());
  ASSERT_TRUE(accepted) << accepted.error().message;
  HalfNet net;
  const auto before = fingerprint(net);
  const auto refused = load_into(net, spoiled, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(static_cast<int>(refused.error().kind), static_cast<int>(kind)) << refused.error().message;
  EXPECT_EQ(fingerprint(net), before);
}

class LoadIntoAtTensor : public testing::TestWithParam<std::size_t> {
 protected:
  TempDir dir_;
  std::vector<NamedTensor> given_ = half_weights();
  std::string sound_ = write_tensors(dir_, given_, "sound.safetensors");
};

TEST_P(LoadIntoAtTensor, AnotherKindLeavesTheModuleAsItWas) {
  auto& wrong = given_.at(GetParam()).tensor;
  wrong = wrong.is_floating_point() ? wrong.to(at::kLong) : wrong.to(at::kFloat);
  expect_untouched(sound_, write_tensors(dir_, given_), reading(), ErrorKind::kRefused);
}

TEST_P(LoadIntoAtTensor, AnotherShapeLeavesTheModuleAsItWas) {
  given_.at(GetParam()).tensor = at::rand({7});
  expect_untouched(sound_, write_tensors(dir_, given_), reading(), ErrorKind::kRefused);
}

TEST_P(LoadIntoAtTensor, AMissingTensorLeavesTheModuleAsItWas) {
  given_.erase(given_.begin() + static_cast<std::ptrdiff_t>(GetParam()));
  expect_untouched(sound_, write_tensors(dir_, given_), reading(), ErrorKind::kRefused);
}

class LoadIntoAtFloat : public LoadIntoAtTensor {};

TEST_P(LoadIntoAtFloat, ANumberTooLargeForItsParameterLeavesTheModuleAsItWas) {
  given_.at(GetParam()).tensor.view({-1})[0] = 1e6;  // half precision ends at 65504
  expect_untouched(sound_, write_tensors(dir_, given_), reading(), ErrorKind::kRefused);
}

// The file shrinks once k tensors are read: a short read at each in turn. The first report is that of the beginning.
TEST_P(LoadIntoAtTensor, AShortReadLeavesTheModuleAsItWas) {
  const auto path = write_tensors(dir_, given_);
  auto options = reading();
  std::size_t reports = 0;
  options.progress = [&](std::string_view stage, std::uint64_t, std::uint64_t) {
    if (stage == "read" && reports++ == GetParam()) std::filesystem::resize_file(path, 512);
    return true;
  };
  expect_untouched(sound_, path, options, ErrorKind::kChanged);
}

/// Stands in for LibTorch's allocator and fails the k-th request while it lives.
class FailingAllocator : public c10::Allocator {
 public:
  explicit FailingAllocator(std::size_t k) : left_(k) { c10::SetCPUAllocator(this, kPriority); }
  ~FailingAllocator() override { c10::SetCPUAllocator(real_, kPriority); }
  c10::DataPtr allocate(std::size_t bytes) override {
    if (left_-- == 0) {
      failed_ = true;
      throw std::bad_alloc();
    }
    return real_->allocate(bytes);
  }
  c10::DeleterFnPtr raw_deleter() const override { return real_->raw_deleter(); }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { real_->copy_data(to, from, bytes); }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  static constexpr std::uint8_t kPriority = 100;
  c10::Allocator* real_ = c10::GetCPUAllocator();
  std::size_t left_;
  bool failed_ = false;
};

constexpr std::string_view kTransposed = R"(
tenon_tables: 1
family: net
about: a user's own module
own: mine
layouts:
  mine:
    about: the module's names
    evidence: {anchors: [first.weight]}
    rows: [first.weight, first.bias, norm.weight, norm.bias, norm.running_mean, norm.running_var, norm.num_batches_tracked, last.weight, last.bias]
  turned:
    about: matrices the other way round, so that every one is computed
    evidence: {anchors: [first.turned]}
    rows:
      - [first.turned, first.weight, transpose($1)]
      - [last.turned, last.weight, transpose($1)]
      - first.bias
      - norm.weight
      - norm.bias
      - norm.running_mean
      - norm.running_var
      - norm.num_batches_tracked
      - last.bias
)";

TEST(LoadIntoAtAllocation, IO_17_NoMemoryLeavesTheModuleAsItWas) {
  const TempDir dir;
  auto given = half_weights();
  for (auto& [name, tensor] : given) {
    if (name != "first.weight" && name != "last.weight") continue;
    name = name.substr(0, name.find('.')) + ".turned";
    tensor = tensor.t().contiguous();
  }
  const auto path = write_tensors(dir, given);
  std::size_t failures = 0;
  for (bool failed = true; failed; ++failures) {
    HalfNet net;
    const auto before = fingerprint(net);
    FailingAllocator allocator(failures);
    const auto report = load_into(net, path, reading(), std::string(kTransposed));
    failed = allocator.failed();
    ASSERT_EQ(report.has_value(), !failed);
    if (!failed) break;
    EXPECT_EQ(static_cast<int>(report.error().kind), static_cast<int>(ErrorKind::kOutOfMemory)) << report.error().message;
    EXPECT_EQ(fingerprint(net), before) << "at allocation " << failures;
  }
  EXPECT_GE(failures, given.size());
}

INSTANTIATE_TEST_SUITE_P(Every, LoadIntoAtTensor, testing::Range<std::size_t>(0, 9));
INSTANTIATE_TEST_SUITE_P(Every, LoadIntoAtFloat, testing::Range<std::size_t>(0, 8));  // the ninth counts batches

// load<M> makes its module itself: a failure gives no module, and the next load of the same file is whole.
class LoadOfAFile : public testing::Test {
 protected:
  LoadOfAFile() {
    std::filesystem::copy_file(test::golden_folder("vit", "timm_plain") / "checkpoint.safetensors", path_);
    options_.set = test::Golden("vit", "timm_plain").set();
    options_.io = IoMode::kRead;
  }
  TempDir dir_;
  std::string path_ = dir_ / "model.safetensors";
  LoadOptions options_;
};

TEST_F(LoadOfAFile, GivesNoModuleWhereverTheFileShrinks) {
  const auto whole = test::read_file(path_);
  const auto tensors = load<models::Vit>(path_, options_)->report.tensors.size();
  ASSERT_GT(tensors, 20U);
  for (std::size_t k = 0; k < tensors; ++k) {
    std::size_t reports = 0;
    options_.progress = [&](std::string_view stage, std::uint64_t, std::uint64_t) {
      if (stage == "read" && reports++ == k) std::filesystem::resize_file(path_, 512);
      return true;
    };
    const auto refused = load<models::Vit>(path_, options_);
    ASSERT_FALSE(refused) << k;
    EXPECT_EQ(static_cast<int>(refused.error().kind), static_cast<int>(ErrorKind::kChanged)) << refused.error().message;
    options_.progress = {};
    dir_.write("model.safetensors", whole);
  }
  const auto loaded = load<models::Vit>(path_, options_);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->report.audit->without_origin, 0U);
}

TEST_F(LoadOfAFile, GivesNoModuleWhereverMemoryRunsOut) {
  std::size_t failures = 0;
  for (bool failed = true; failed; ++failures) {
    FailingAllocator allocator(failures);
    const auto loaded = load<models::Vit>(path_, options_);
    failed = allocator.failed();
    ASSERT_EQ(loaded.has_value(), !failed) << "at allocation " << failures;
    if (failed) {
      EXPECT_EQ(static_cast<int>(loaded.error().kind), static_cast<int>(ErrorKind::kOutOfMemory)) << loaded.error().message;
    }
  }
  EXPECT_GE(failures, 2U);
}

}  // namespace
}  // namespace tenon
