// Weights for modules that tenon knows nothing about.
#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/zeros.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <tenon/load.h>

#include "tests/support/temp_dir.h"
#include "tests/support/torch/hand_made.h"

namespace tenon {
namespace {

using test::fingerprint;

struct Mlp : torch::nn::Module {
  Mlp() : body(torch::nn::Linear(3, 4), torch::nn::Linear(4, 2)) {
    register_module("body", body);
    steps = register_buffer("steps", at::zeros({}, at::kLong));
  }
  torch::nn::Sequential body;
  at::Tensor steps;
};

struct Tied : torch::nn::Module {
  Tied() : inner(torch::nn::LinearOptions(3, 3).bias(false)) {
    register_module("encoder", inner);
    register_module("decoder", inner);
  }
  torch::nn::Linear inner;
};

std::vector<test::NamedTensor> mlp_weights(const std::string& prefix = "") {
  return {{prefix + "body.0.weight", at::rand({4, 3})},
          {prefix + "body.0.bias", at::rand({4})},
          {prefix + "body.1.weight", at::rand({2, 4})},
          {prefix + "body.1.bias", at::rand({2})},
          {prefix + "steps", at::full({}, 7, at::kLong)}};
}

std::string write(const test::TempDir& dir, const std::vector<test::NamedTensor>& tensors) {
  return dir.write("model.safetensors", test::safetensors_of(tensors));
}

TEST(LoadInto, FillsParametersAndBuffersOfAStockModule) {
  const test::TempDir dir;
  const auto given = mlp_weights();
  Mlp mlp;
  const auto report = load_into(mlp, write(dir, given));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(at::equal(mlp.body->named_parameters()["0.weight"], given[0].tensor));
  EXPECT_EQ(mlp.steps.item<int>(), 7);
  EXPECT_EQ(report->verdict, Verdict::kAccepted);
  EXPECT_EQ(report->counts.matched, 5U);
}

TEST(LoadInto, FindsThePrefixByEvidence) {
  const test::TempDir dir;
  const auto given = mlp_weights("state.module.");
  Mlp mlp;
  ASSERT_TRUE(load_into(mlp, write(dir, given)));
  EXPECT_TRUE(at::equal(mlp.body->named_parameters()["1.bias"], given[3].tensor));
}

TEST(LoadInto, KeepsDtypeAndGradientOfEachParameter) {
  const test::TempDir dir;
  Mlp mlp;
  mlp.body->to(at::kHalf);
  mlp.body->named_parameters()["0.bias"].set_requires_grad(false);
  ASSERT_TRUE(load_into(mlp, write(dir, mlp_weights())));
  EXPECT_EQ(mlp.body->named_parameters()["0.weight"].scalar_type(), at::kHalf);
  EXPECT_TRUE(mlp.body->named_parameters()["0.weight"].requires_grad());
  EXPECT_FALSE(mlp.body->named_parameters()["0.bias"].requires_grad());
}

TEST(LoadInto, TakesTheDtypeThatIsAskedFor) {
  const test::TempDir dir;
  LoadOptions options;
  options.dtype = DType::kF16;
  Mlp mlp;
  ASSERT_TRUE(load_into(mlp, write(dir, mlp_weights()), options));
  EXPECT_EQ(mlp.body->named_parameters()["0.weight"].scalar_type(), at::kHalf);
}

TEST(LoadInto, FillsTiedParametersOnceUnderAnyOfTheirNames) {
  const test::TempDir dir;
  for (const auto* const name : {"encoder.weight", "decoder.weight"}) {
    const auto weight = at::rand({3, 3});
    Tied tied;
    const auto report = load_into(tied, write(dir, {{name, weight}}));
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(at::equal(tied.inner->weight, weight));
  }
}

TEST(LoadInto, RefusesTwoDifferentTensorsForOneTiedParameter) {
  const test::TempDir same;
  const test::TempDir different;  // a file that is mapped must not be written again
  const auto weight = at::rand({3, 3});
  Tied tied;
  ASSERT_TRUE(load_into(tied, write(same, {{"encoder.weight", weight}, {"decoder.weight", weight}})));
  const auto before = fingerprint(tied);
  const auto refused = load_into(tied, write(different, {{"encoder.weight", weight}, {"decoder.weight", weight + 1}}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "TN-VALUE");
  EXPECT_EQ(fingerprint(tied), before);
}

TEST(LoadInto, LeavesTheModuleAsItWasWhenTheFileDoesNotFit) {
  const test::TempDir dir;
  auto missing = mlp_weights();
  missing.pop_back();
  auto unexpected = mlp_weights();
  unexpected.push_back({"body.2.weight", at::rand({2})});
  auto shape = mlp_weights();
  shape[0].tensor = at::rand({3, 4});
  auto kind = mlp_weights();
  kind[0].tensor = at::zeros({4, 3}, at::kLong);
  for (const auto& given : {missing, unexpected, shape, kind}) {
    Mlp mlp;
    const auto before = fingerprint(mlp);
    const auto refused = load_into(mlp, write(dir, given));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::kRefused);
    EXPECT_TRUE(refused.error().report);
    EXPECT_EQ(fingerprint(mlp), before);
  }
}

TEST(LoadInto, KeepsTheModulesOwnInitialisationWhereThePolicyFills) {
  const test::TempDir dir;
  auto given = mlp_weights();
  given.erase(given.begin() + 3);
  LoadOptions options;
  options.policy.allow_missing("body.1.bias");
  Mlp mlp;
  const auto own = mlp.body->named_parameters()["1.bias"].clone();
  const auto report = load_into(mlp, write(dir, given), options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(at::equal(mlp.body->named_parameters()["1.bias"], own));
  EXPECT_EQ(report->verdict, Verdict::kAcceptedWithWaivers);
  EXPECT_EQ(report->audit->without_origin, 0U);
}

TEST(LoadInto, RenamesThroughATableOfTheCallers) {
  const test::TempDir dir;
  const auto given = std::vector<test::NamedTensor>{{"first.w", at::rand({4, 3})},
                                                    {"first.b", at::rand({4})},
                                                    {"second.w", at::rand({4, 2})},
                                                    {"second.b", at::rand({2})},
                                                    {"count", at::full({}, 3, at::kLong)}};
  const std::string table = R"(
tenon_tables: 1
family: mlp
about: a user's own module
own: mine
layouts:
  mine:
    about: the module's names
    evidence: {anchors: [body.0.weight]}
    rows: [body.0.weight, body.0.bias, body.1.weight, body.1.bias, steps]
  theirs:
    about: the file's names
    evidence: {anchors: [first.w]}
    rows:
      - [first.w, body.0.weight]
      - [first.b, body.0.bias]
      - [second.w, body.1.weight, transpose($1)]
      - [second.b, body.1.bias]
      - [count, steps]
)";
  Mlp mlp;
  const auto report = load_into(mlp, write(dir, given), {}, table);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(at::equal(mlp.body->named_parameters()["1.weight"], given[2].tensor.t()));
  EXPECT_EQ(mlp.steps.item<int>(), 3);
}

}  // namespace
}  // namespace tenon
