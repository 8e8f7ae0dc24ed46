// Stage "build" on hand-made plans: what it gives, and that a failure at any tensor leaves the module as it was.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <span>

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include <tenon/nn/layers.h>

#include "runtime/build/checksum.h"
#include "runtime/build/run_plan.h"
#include "runtime/build/source_reader.h"
#include "tests/support/torch/hand_made.h"

namespace tenon {
namespace {

using test::checkpoint_of;
using test::fingerprint;
using test::plan_by_name;
using test::reading;

struct OwnNet : nn::Module {
  OwnNet() : a(child<nn::Linear>("a", 3, 4)), norm(child<nn::BatchNorm2d>("norm", 4)), b(child<nn::Linear>("b", 4, 2)) {}
  std::shared_ptr<nn::Linear> a;
  std::shared_ptr<nn::BatchNorm2d> norm;
  std::shared_ptr<nn::Linear> b;
};

std::vector<test::NamedTensor> own_weights(at::ScalarType dtype = at::kFloat) {
  std::vector<test::NamedTensor> all;
  const OwnNet net;
  const auto add = [&](const auto& items) {
    for (const auto& item : items) all.push_back({item.key(), (at::rand(item.value().sizes()) + 1).to(dtype)});
  };
  add(net.named_parameters());
  add(net.named_buffers());
  return all;
}

LoadReport accepted_report() {
  LoadReport report;
  report.verdict = Verdict::kAccepted;
  return report;
}

Policy lenient() {
  Policy policy;
  policy.base = PolicyBase::kLenient;
  return policy;
}

/// Fails the k-th request.
class FailingMemory : public loading::HostMemory {
 public:
  explicit FailingMemory(int k) : left_(k) {}
  Result<at::Tensor> allocate(at::IntArrayRef shape, at::ScalarType dtype) override {
    if (left_-- == 0) throw std::bad_alloc();
    return at::zeros(shape, dtype);
  }

 private:
  int left_;
};

std::map<std::string, at::Tensor> tensors_of(const torch::nn::Module& module) {
  std::map<std::string, at::Tensor> all;
  for (const auto& item : module.named_parameters()) all.emplace(item.key(), item.value());
  for (const auto& item : module.named_buffers()) all.emplace(item.key(), item.value());
  return all;
}

TEST(RunPlan, BindsEveryTensorAndSaysSo) {
  const auto given = own_weights();
  const auto checkpoint = checkpoint_of(given);
  OwnNet net;
  const auto report = loading::run_plan(net, checkpoint, plan_by_name(net, checkpoint), {}, reading());
  ASSERT_TRUE(report) << report.error().message;
  const auto bound = tensors_of(net);
  for (const auto& [name, tensor] : given) EXPECT_TRUE(at::equal(bound.at(name), tensor)) << name;
  EXPECT_EQ(report->audit->tensors, given.size());
  EXPECT_EQ(report->audit->without_origin, 0U);
  EXPECT_EQ(*report->bytes_read, plan_by_name(net, checkpoint).bytes_to_read);
}

TEST(RunPlan, MakesOrdinaryTensorsAlsoForACallerInInferenceMode) {
  const auto checkpoint = checkpoint_of(own_weights());
  OwnNet net;
  const c10::InferenceMode inference;
  ASSERT_TRUE(loading::run_plan(net, checkpoint, plan_by_name(net, checkpoint), {}, reading()));
  EXPECT_FALSE(net.a->weight.is_inference());
}

TEST(RunPlan, GivesEachTensorAStorageOfItsOwnSize) {
  const auto checkpoint = checkpoint_of(own_weights());
  OwnNet net;
  ASSERT_TRUE(loading::run_plan(net, checkpoint, plan_by_name(net, checkpoint), {}, reading()));
  for (const auto& [name, tensor] : tensors_of(net)) EXPECT_EQ(tensor.storage().nbytes(), tensor.nbytes()) << name;
}

TEST(RunPlan, CastsWhileReading) {
  const auto given = own_weights(at::kHalf);
  const auto checkpoint = checkpoint_of(given);
  OwnNet net;
  auto plan = plan_by_name(net, checkpoint);
  for (auto& step : plan.steps) step.type.dtype = DType::kF32;
  ASSERT_TRUE(loading::run_plan(net, checkpoint, plan, {}, reading()));
  const auto bound = tensors_of(net);
  for (const auto& [name, tensor] : given) EXPECT_TRUE(at::equal(bound.at(name), tensor.to(at::kFloat))) << name;
}

// One module, one fault at tensor k: every kind of failure for every k.
class Atomicity : public testing::TestWithParam<int> {
 protected:
  /// Runs with the fault and expects the module untouched; then without it, and expects success.
  template <class Run>
  void expect_untouched(const Run& run, ErrorKind kind) {
    OwnNet net;
    const auto before = fingerprint(net);
    const Result<LoadReport> report = run(net);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().kind, kind) << report.error().message;
    EXPECT_EQ(fingerprint(net), before);
  }
};

TEST_P(Atomicity, IO_10_HoldsWhenAReadFails) {
  const auto good = checkpoint_of(own_weights());
  const auto checkpoint = checkpoint_of(own_weights(), [&](std::string bytes) {
    return std::make_shared<test::FaultySource>(std::move(bytes), GetParam());
  });
  expect_untouched(
      [&](OwnNet& net) { return loading::run_plan(net, checkpoint, plan_by_name(net, checkpoint), {}, reading()); },
      ErrorKind::kIo);
  OwnNet net;
  EXPECT_TRUE(loading::run_plan(net, good, plan_by_name(net, good), {}, reading()));
}

TEST_P(Atomicity, IO_17_HoldsWhenMemoryRunsOut) {
  const auto checkpoint = checkpoint_of(own_weights());
  FailingMemory memory(GetParam());
  expect_untouched(
      [&](OwnNet& net) { return loading::run_plan(net, checkpoint, plan_by_name(net, checkpoint), {}, reading(), {&memory, {}}); },
      ErrorKind::kOutOfMemory);
}

TEST_P(Atomicity, HoldsWhenATensorIsOfAnotherKind) {
  auto given = own_weights();
  auto& wrong = given.at(static_cast<std::size_t>(GetParam())).tensor;
  wrong = wrong.to(at::kLong);
  const auto checkpoint = checkpoint_of(given);
  expect_untouched(
      [&](OwnNet& net) { return loading::run_plan(net, checkpoint, plan_by_name(net, checkpoint), {}, reading()); },
      ErrorKind::kRefused);
}

TEST_P(Atomicity, HoldsWhenATensorHasAnotherShape) {
  auto given = own_weights();
  auto& wrong = given.at(static_cast<std::size_t>(GetParam())).tensor;
  wrong = at::rand({7});
  const auto checkpoint = checkpoint_of(given);
  expect_untouched(
      [&](OwnNet& net) { return loading::run_plan(net, checkpoint, plan_by_name(net, checkpoint), {}, reading()); },
      ErrorKind::kRefused);
}

TEST_P(Atomicity, HoldsWhenNothingSuppliesATensor) {
  const auto checkpoint = checkpoint_of(own_weights());
  expect_untouched(
      [&](OwnNet& net) {
        auto plan = plan_by_name(net, checkpoint);
        plan.steps.erase(plan.steps.begin() + GetParam());
        return loading::run_plan(net, checkpoint, plan, {}, reading());
      },
      ErrorKind::kRefused);
}

TEST_P(Atomicity, IO_22_HoldsWhenTheHostCancels) {
  const auto checkpoint = checkpoint_of(own_weights());
  int left = GetParam();
  auto options = reading();
  options.progress = [&](std::string_view, std::uint64_t, std::uint64_t) { return left-- > 0; };
  expect_untouched([&](OwnNet& net) { return loading::run_plan(net, checkpoint, plan_by_name(net, checkpoint), {}, options); },
                   ErrorKind::kCancelled);
}

INSTANTIATE_TEST_SUITE_P(AtEveryTensor, Atomicity, testing::Range(0, 8));

/// Counts the bytes that are asked of it.
class CountingSource : public test::FaultySource {
 public:
  CountingSource(std::string bytes, std::atomic<std::uint64_t>& count)
      : FaultySource(std::move(bytes), std::numeric_limits<std::uint64_t>::max()), count_(count) {}
  [[nodiscard]] Result<void> read(std::uint64_t offset, std::span<std::byte> out) const override {
    count_ += out.size();
    return FaultySource::read(offset, out);
  }

 private:
  std::atomic<std::uint64_t>& count_;
};

TEST(RunPlan, ReadsNoMoreThanOneBatchAfterItIsCancelled) {
  constexpr std::int64_t kRows = 3 * loading::kBatchBytes / 4096 / sizeof(float);
  std::atomic<std::uint64_t> read = 0;
  const auto checkpoint = checkpoint_of({{"weight", at::zeros({kRows, 4096})}, {"bias", at::zeros({kRows})}},
                                        [&](std::string bytes) { return std::make_shared<CountingSource>(std::move(bytes), read); });
  nn::Linear layer(4096, kRows);
  const auto plan = plan_by_name(layer, checkpoint);
  auto options = reading();
  options.progress = [&](std::string_view, std::uint64_t done, std::uint64_t) { return done == 0; };
  const auto cancelled = loading::run_plan(layer, checkpoint, plan, {}, options);
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().kind, ErrorKind::kCancelled);
  EXPECT_LE(read.load(), loading::kBatchBytes);
  options.progress = nullptr;
  read = 0;
  ASSERT_TRUE(loading::run_plan(layer, checkpoint, plan, {}, options));
  EXPECT_EQ(read.load(), plan.bytes_to_read);
}

TEST(RunPlan, TellsThatACastOverflowedAndRefusesInStrict) {
  auto given = own_weights();
  given[0].tensor.view({-1})[0] = 1e6;
  const auto checkpoint = checkpoint_of(given);
  const auto run = [&](const Policy& policy) {
    OwnNet net;
    auto plan = plan_by_name(net, checkpoint);
    for (auto& step : plan.steps) step.type.dtype = DType::kF16;
    auto options = reading();
    options.policy = policy;
    return loading::run_plan(net, checkpoint, plan, accepted_report(), options);
  };
  const auto refused = run({});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "TN-CAST-OVERFLOW");
  EXPECT_NE(refused.error().message.find(given[0].name), std::string::npos);
  ASSERT_TRUE(refused.error().report);
  EXPECT_EQ(refused.error().report->verdict, Verdict::kRefused);

  const auto accepted = run(lenient());
  ASSERT_TRUE(accepted);
  ASSERT_FALSE(accepted->findings.empty());
  EXPECT_EQ(accepted->findings[0].target, given[0].name);
  EXPECT_EQ(accepted->verdict, Verdict::kAcceptedWithWaivers);
  EXPECT_EQ(accepted->audit->inf, 1U);
}

TEST(RunPlan, KeepsInfinitiesOfTheFileOutOfTheOverflowFinding) {
  auto given = own_weights();
  given[0].tensor.view({-1})[0] = std::numeric_limits<float>::infinity();
  const auto checkpoint = checkpoint_of(given);
  OwnNet net;
  auto plan = plan_by_name(net, checkpoint);
  for (auto& step : plan.steps) step.type.dtype = DType::kF16;
  const auto report = loading::run_plan(net, checkpoint, plan, {}, reading());
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_EQ(report->findings.size(), 1U);
  EXPECT_EQ(report->findings[0].id, "TN-NOT-FINITE");
}

TEST(RunPlan, CountsWhatIsNotANumberAndWhatIsZero) {
  auto given = own_weights();
  given[0].tensor.view({-1})[0] = std::numeric_limits<float>::quiet_NaN();
  given[0].tensor.view({-1})[1] = std::numeric_limits<float>::infinity();
  given[1].tensor.zero_();
  const auto checkpoint = checkpoint_of(given);
  OwnNet net;
  const auto report = loading::run_plan(net, checkpoint, plan_by_name(net, checkpoint), {}, reading());
  ASSERT_TRUE(report);
  EXPECT_EQ(report->audit->nan, 1U);
  EXPECT_EQ(report->audit->inf, 1U);
  EXPECT_EQ(report->audit->all_zero, 1U);
}

TEST(RunPlan, VerifiesValueConditionsBeforeBinding) {
  auto given = own_weights();
  given.push_back({"zero", at::zeros({3})});
  given.push_back({"twin", given[0].tensor.clone()});
  given.push_back({"other", given[0].tensor + 1});
  const auto checkpoint = checkpoint_of(given);
  const auto run = [&](ValueCondition condition) {
    OwnNet net;
    auto plan = plan_by_name(net, checkpoint);
    plan.pending.push_back(std::move(condition));
    return loading::run_plan(net, checkpoint, plan, {}, reading());
  };
  EXPECT_TRUE(run({ValueCondition::Kind::kZero, "zero", ""}));
  EXPECT_TRUE(run({ValueCondition::Kind::kEqualsTwin, "twin", given[0].name}));
  for (const auto& condition : {ValueCondition{ValueCondition::Kind::kZero, "twin", ""},
                                ValueCondition{ValueCondition::Kind::kEqualsTwin, "other", given[0].name}}) {
    const auto refused = run(condition);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "TN-VALUE");
    EXPECT_NE(refused.error().message.find(condition.source), std::string::npos);
  }
}

TEST(RunPlan, RefusesBeforeReadingWhereMemoryIsTooSmall) {
  const auto checkpoint = checkpoint_of(own_weights(), [](std::string bytes) {
    return std::make_shared<test::FaultySource>(std::move(bytes), 0);
  });
  OwnNet net;
  const auto plan = plan_by_name(net, checkpoint);
  const auto need = loading::memory_needed(plan, checkpoint, false, c10::kCPU);
  const auto report = loading::run_plan(net, checkpoint, plan, {}, reading(), {nullptr, loading::MemoryLeft{need.host - 1, {}}});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, "TN-MEMORY");
  EXPECT_EQ(report.error().kind, ErrorKind::kOutOfMemory);
}

TEST(RunPlan, FillsWithTheModulesOwnSeededDefault) {
  auto given = own_weights();
  const auto name = given[0].name;
  given.erase(given.begin());
  const auto checkpoint = checkpoint_of(given);
  const auto fill = [&](std::uint64_t seed) {
    OwnNet net;
    auto plan = plan_by_name(net, checkpoint);
    PlanStep step;
    step.target = name;
    step.origin = Origin::kFilled;
    step.fill = {Fill::Kind::kModuleDefault, 0, seed};
    step.type = {DType::kF32, tensors_of(net).at(name).sizes().vec()};
    plan.steps.push_back(step);
    EXPECT_TRUE(loading::run_plan(net, checkpoint, plan, {}, reading()));
    return tensors_of(net).at(name);
  };
  EXPECT_TRUE(at::equal(fill(1), fill(1)));
  EXPECT_FALSE(at::equal(fill(1), fill(2)));
  EXPECT_GT(fill(1).abs().max().item<float>(), 0);
}

TEST(RunPlan, FillsThePartsThatAnExpressionTakesOfTheFill) {
  auto given = own_weights();
  const auto name = given[0].name;  // a.weight, [4, 3]
  ASSERT_EQ(given[0].tensor.sizes(), at::IntArrayRef({4, 3}));
  const auto upper = given[0].tensor.slice(0, 0, 2).contiguous();
  given[0].tensor = upper;
  const auto checkpoint = checkpoint_of(given);
  const auto build = [&](Fill fill) {
    OwnNet net;
    auto plan = plan_by_name(net, checkpoint);
    auto& step = *std::find_if(plan.steps.begin(), plan.steps.end(), [&](const auto& s) { return s.target == name; });
    Expr file;
    file.args = {0};
    Expr filled = file;
    filled.args = {1};
    Expr part;
    part.op = OpKind::kSlice;
    part.args = {0, 2, 4};
    part.operands = {filled};
    Expr joined;
    joined.op = OpKind::kConcat;
    joined.args = {0};
    joined.operands = {file, part};
    step.expr = joined;
    step.fill = fill;
    step.type.shape = {4, 3};
    const auto report = loading::run_plan(net, checkpoint, plan, {}, reading());
    EXPECT_TRUE(report) << report.error().message;
    return tensors_of(net).at(name);
  };
  const auto ones = build({Fill::Kind::kOnes});
  EXPECT_TRUE(at::equal(ones.slice(0, 0, 2), upper));
  EXPECT_TRUE(ones.slice(0, 2, 4).eq(1).all().item<bool>());
  const auto seeded = build({Fill::Kind::kModuleDefault, 0, 1});
  EXPECT_TRUE(at::equal(seeded, build({Fill::Kind::kModuleDefault, 0, 1})));
  EXPECT_GT(seeded.slice(0, 2, 4).abs().max().item<float>(), 0);
}

TEST(RunPlan, NormalisesBoolsWhoseBytesAreNoBools) {
  struct Flags : nn::Module {
    Flags() : flags(declare_buffer("flags", {4}, {}, at::kBool)) {}
    at::Tensor flags;
  };
  const auto bytes = at::randint(2, 200, {4}, at::kByte);
  auto checkpoint = checkpoint_of({{"flags", bytes}});
  checkpoint.tensors[0].dtype = DType::kBool;
  Flags module;
  ASSERT_TRUE(loading::run_plan(module, checkpoint, plan_by_name(module, checkpoint), {}, reading()));
  EXPECT_EQ(module.flags.sum().item<int>(), 4);
}

TEST(RunPlan, ChecksTheChecksumThatTheContainerCarries) {
  auto checkpoint = checkpoint_of(own_weights());
  OwnNet net;
  const auto plan = plan_by_name(net, checkpoint);
  auto& entry = checkpoint.tensors[2];
  std::vector<std::byte> bytes(entry.bytes);
  ASSERT_TRUE(checkpoint.files[0].source->read(entry.offset, bytes));
  entry.has_crc32 = true;
  entry.storage_crc32 = loading::crc32_of(bytes);
  EXPECT_TRUE(loading::run_plan(net, checkpoint, plan, {}, reading()));
  entry.storage_crc32 ^= 1;
  const auto before = fingerprint(net);
  const auto refused = loading::run_plan(net, checkpoint, plan, {}, reading());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "ZP-CRC");
  EXPECT_NE(refused.error().message.find(entry.name), std::string::npos);
  EXPECT_EQ(fingerprint(net), before);
}

}  // namespace
}  // namespace tenon
