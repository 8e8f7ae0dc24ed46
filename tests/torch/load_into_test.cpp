// Weights for modules that tenon knows nothing about.
#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/core/IListRef.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/zeros.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <tenon/load.h>
#include <tenon/rename.h>

#include "tests/support/paths.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torch/golden.h"
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

TEST(LoadInto, FillsParametersAndBuffersOfAStockModule) {
  const test::TempDir dir;
  const auto given = mlp_weights();
  Mlp mlp;
  const auto report = load_into(mlp, test::write_tensors(dir, given));
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
  ASSERT_TRUE(load_into(mlp, test::write_tensors(dir, given)));
  EXPECT_TRUE(at::equal(mlp.body->named_parameters()["1.bias"], given[3].tensor));
}

TEST(LoadInto, KeepsDtypeAndGradientOfEachParameter) {
  const test::TempDir dir;
  Mlp mlp;
  mlp.body->to(at::kHalf);
  mlp.body->named_parameters()["0.bias"].set_requires_grad(false);
  ASSERT_TRUE(load_into(mlp, test::write_tensors(dir, mlp_weights())));
  EXPECT_EQ(mlp.body->named_parameters()["0.weight"].scalar_type(), at::kHalf);
  EXPECT_TRUE(mlp.body->named_parameters()["0.weight"].requires_grad());
  EXPECT_FALSE(mlp.body->named_parameters()["0.bias"].requires_grad());
}

TEST(LoadInto, TakesTheDtypeThatIsAskedFor) {
  const test::TempDir dir;
  LoadOptions options;
  options.dtype = DType::kF16;
  Mlp mlp;
  ASSERT_TRUE(load_into(mlp, test::write_tensors(dir, mlp_weights()), options));
  EXPECT_EQ(mlp.body->named_parameters()["0.weight"].scalar_type(), at::kHalf);
}

TEST(LoadInto, FillsTiedParametersOnceUnderAnyOfTheirNames) {
  const test::TempDir dir;
  for (const auto* const name : {"encoder.weight", "decoder.weight"}) {
    const auto weight = at::rand({3, 3});
    Tied tied;
    const auto report = load_into(tied, test::write_tensors(dir, {{name, weight}}));
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(at::equal(tied.inner->weight, weight));
  }
}

TEST(LoadInto, RefusesTwoDifferentTensorsForOneTiedParameter) {
  const test::TempDir same;
  const test::TempDir different;  // a file that is mapped must not be written again
  const auto weight = at::rand({3, 3});
  Tied tied;
  ASSERT_TRUE(load_into(tied, test::write_tensors(same, {{"encoder.weight", weight}, {"decoder.weight", weight}})));
  const auto before = fingerprint(tied);
  const auto refused = load_into(tied, test::write_tensors(different, {{"encoder.weight", weight}, {"decoder.weight", weight + 1}}));
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
    const auto refused = load_into(mlp, test::write_tensors(dir, given));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::kRefused);
    EXPECT_TRUE(refused.error().report);
    EXPECT_EQ(fingerprint(mlp), before);
  }
}

TEST(LoadInto, RefusesAFractionForAnIntegerBufferUnderEveryPreset) {
  const test::TempDir dir;
  auto given = mlp_weights();
  given.back().tensor = at::full({}, 2.8699);
  const auto path = test::write_tensors(dir, given);
  for (const auto* const name : {"strict", "lenient", "hf-like", "ignore_mismatched_sizes"}) {
    Mlp mlp;
    LoadOptions options;
    options.policy = *policy_preset(name);
    const auto refused = load_into(mlp, path, options);
    ASSERT_FALSE(refused) << name;
    const auto& cause = refused.error().report->diagnosis.front();
    EXPECT_EQ(cause.id, "TN-D-DTYPE");
    EXPECT_NE(cause.cause.find("\"steps\" holds F32"), std::string::npos) << cause.cause;
    EXPECT_NE(cause.cause.find("needs I64"), std::string::npos) << cause.cause;
    EXPECT_EQ(mlp.steps.item<int>(), 0);
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
  const auto report = load_into(mlp, test::write_tensors(dir, given), options);
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
  const auto report = load_into(mlp, test::write_tensors(dir, given), {}, table);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(at::equal(mlp.body->named_parameters()["1.weight"], given[2].tensor.t()));
  EXPECT_EQ(mlp.steps.item<int>(), 3);
}

TEST(LoadInto, RenamesThroughRowsWrittenInCpp) {
  const test::TempDir dir;
  const auto given = std::vector<test::NamedTensor>{{"net.first.w", at::rand({4, 3})},
                                                    {"net.first.b", at::rand({4})},
                                                    {"net.second.upper", at::rand({1, 4})},
                                                    {"net.second.lower", at::rand({1, 4})},
                                                    {"net.second.b", at::rand({2})},
                                                    {"net.count", at::full({}, 3, at::kLong)}};
  const std::vector<RenameRow> rows{{{"first.w"}, "body.0.weight"},
                                    {{"first.b"}, "body.0.bias"},
                                    {{"second.upper", "second.lower"}, "body.1.weight", "concat(0, $1, $2)"},
                                    {{"second.b"}, "body.1.bias"},
                                    {{"count"}, "steps"}};
  Mlp mlp;
  const auto report = load_into(mlp, test::write_tensors(dir, given), {}, rows);
  ASSERT_TRUE(report) << report.error().message << "\n" << report.error().remedy;
  EXPECT_TRUE(at::equal(mlp.body->named_parameters()["1.weight"], at::cat(std::vector<at::Tensor>{given[2].tensor, given[3].tensor}, 0)));
  EXPECT_EQ(mlp.steps.item<int>(), 3);

  const auto before = fingerprint(mlp);
  auto wrong = rows;
  wrong[2].expr = "concat(0, $1, $3)";
  const auto refused = load_into(mlp, test::write_tensors(dir, given), {}, wrong);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUsage);
  EXPECT_FALSE(load_into(mlp, test::write_tensors(dir, given), {}, std::vector<RenameRow>{}));
  EXPECT_EQ(fingerprint(mlp), before);
}

TEST(LoadInto, RenamesAllLayersByOneRow) {
  const test::TempDir dir;
  const auto given = std::vector<test::NamedTensor>{{"layer.0.w", at::rand({4, 3})}, {"layer.0.b", at::rand({4})},
                                                    {"layer.1.w", at::rand({2, 4})}, {"layer.1.b", at::rand({2})}};
  torch::nn::Sequential net(torch::nn::Linear(3, 4), torch::nn::Linear(4, 2));
  const std::vector<RenameRow> rows{{{"layer.{i}.w"}, "{i}.weight"}, {{"layer.{i}.b"}, "{i}.bias"}};
  const auto report = load_into(*net, test::write_tensors(dir, given), {}, rows);
  ASSERT_TRUE(report) << report.error().message << "\n" << report.error().remedy;
  EXPECT_TRUE(at::equal(net->named_parameters()["1.weight"], given[2].tensor));
}

TEST(LoadInto, ChecksHashesBeforeAnythingIsBound) {
  const auto path = (test::source_dir() / "tests/data/mlp/zip.pt").string();
  torch::nn::Sequential net(torch::nn::Linear(3, 4), torch::nn::BatchNorm1d(4), torch::nn::Linear(4, 2));
  const auto before = fingerprint(*net);
  LoadOptions options;
  options.policy.expect.sha256 = {{"zip.pt", std::string(64, '0')}};
  const auto refused = load_into(*net, path, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kIntegrity);
  EXPECT_EQ(refused.error().code, "TN-SHA256");
  EXPECT_EQ(fingerprint(*net), before);
  options.policy.expect.sha256.clear();
  EXPECT_TRUE(load_into(*net, path, options));
}

TEST(LoadInto, FillsOnlyThePartOfAJoinedTensorThatIsMissing) {
  const test::TempDir dir;
  const auto given = std::vector<test::NamedTensor>{{"upper", at::rand({2, 3})}, {"bias", at::rand({4})}};
  const std::vector<RenameRow> rows{{{"upper", "lower"}, "weight", "concat(0, $1, $2)"}, {{"bias"}, "bias"}};
  torch::nn::Linear layer(3, 4);
  const auto own = layer->weight.detach().clone();
  LoadOptions options;
  EXPECT_FALSE(load_into(*layer, test::write_tensors(dir, given), options, rows));
  options.policy = policy_preset("hf-like").value();
  const auto report = load_into(*layer, test::write_tensors(dir, given), options, rows);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(at::equal(layer->weight.detach().slice(0, 0, 2), given[0].tensor));
  EXPECT_TRUE(at::equal(layer->weight.detach().slice(0, 2, 4), own.slice(0, 2, 4)));
  EXPECT_EQ(report->audit->without_origin, 0U);
}

}  // namespace
}  // namespace tenon
