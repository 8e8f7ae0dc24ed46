// A tensor that is joined of several (queries, keys and values), of which some are not in the file or do not fit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tenon/policy.h>

#include "runtime/mapping/mapper.h"
#include "tests/support/check_case.h"

namespace tenon {
namespace {

using test::CheckCase;
using test::Named;
using test::with_id;
using testing::ElementsAre;

constexpr const char* kFused = "attn.qkv.weight";

Expr source(std::int64_t index) {
  Expr expr;
  expr.args = {index};
  return expr;
}

Expr joined(std::vector<std::int64_t> sources) {
  Expr expr;
  expr.op = OpKind::kConcat;
  expr.args = {0};
  for (const std::int64_t index : sources) expr.operands.push_back(source(index));
  return expr;
}

/// The file's k, q and v, in this order of names; the model joins q, k and v.
CheckCase attention(std::vector<Named> file) {
  file.push_back({"proj.weight", {8, 8}});
  return {file, {{kFused, {24, 8}}, {"proj.weight", {8, 8}}}};
}

/// As map_part leaves it: no tensor is made, and a problem says why.
CheckCase without_query() {
  CheckCase subject = attention({{"k", {8, 8}}, {"v", {8, 8}}});
  std::erase_if(subject.mapped.tensors, [](const MappedTensor& tensor) { return tensor.target != "proj.weight"; });
  subject.mapped.problems.push_back({kFused, {kAbsentSource, 0, 2}, "needs \"q\" beside \"k\"", false});
  return subject;
}

CheckCase with_wide_query() {
  CheckCase subject = attention({{"k", {8, 8}}, {"q", {8, 9}}, {"v", {8, 8}}});
  std::erase_if(subject.mapped.tensors, [](const MappedTensor& tensor) { return tensor.target != "proj.weight"; });
  subject.mapped.problems.push_back({kFused, {2, 0, 3}, "the shapes differ", false});
  return subject;
}

Decision decided(CheckCase subject, const char* preset) {
  subject.policy = policy_preset(preset).value();
  return subject.decide();
}

const PlanStep& fused(const Decision& decision) {
  for (const PlanStep& step : decision.plan.value().steps) {
    if (step.target == kFused) return step;
  }
  throw std::out_of_range(kFused);
}

Expr part_of_fill(std::int64_t fill, std::int64_t begin, std::int64_t end) {
  Expr part;
  part.op = OpKind::kSlice;
  part.args = {0, begin, end};
  part.operands = {source(fill)};
  return part;
}

TEST(JoinedTensors, StrictAndLenientRefuseOneThatLacksASource) {
  for (const char* preset : {"strict", "lenient"}) {
    const Decision decision = decided(without_query(), preset);
    EXPECT_EQ(decision.report.verdict, Verdict::kRefused) << preset;
    EXPECT_EQ(with_id(decision.report, "TN-SOURCES").at(0).target, kFused) << preset;
  }
}

TEST(JoinedTensors, HfLikeKeepsTheSourcesThatAreThereAndFillsTheOther) {
  const Decision decision = decided(without_query(), "hf-like");
  ASSERT_EQ(decision.report.verdict, Verdict::kAcceptedWithWaivers);
  const PlanStep& step = fused(decision);
  EXPECT_THAT(step.sources, ElementsAre(0, 2));
  ASSERT_EQ(step.expr.op, OpKind::kConcat);
  EXPECT_EQ(step.expr.operands.at(0), part_of_fill(2, 0, 8));
  EXPECT_EQ(step.expr.operands.at(1), source(0));
  EXPECT_EQ(step.expr.operands.at(2), source(1));
  EXPECT_EQ(step.fill.kind, Fill::Kind::kModuleDefault);
  const Finding finding = with_id(decision.report, "TN-SOURCES").at(0);
  EXPECT_EQ(finding.action, Action::kFill);
  EXPECT_EQ(finding.rule, "hf-like");
  EXPECT_NE(finding.message.find("filled with the module's default by hf-like"), std::string::npos) << finding.message;
  EXPECT_THAT(decision.report.tensors.at(0).ops, testing::Contains("$3 is filled with the module's default"));
}

TEST(JoinedTensors, ASourceOfAnotherShapeIsFilledOnlyWhereShapesMayDiffer) {
  EXPECT_EQ(decided(with_wide_query(), "hf-like").report.verdict, Verdict::kRefused);
  const Decision decision = decided(with_wide_query(), "ignore_mismatched_sizes");
  ASSERT_EQ(decision.report.verdict, Verdict::kAcceptedWithWaivers);
  EXPECT_THAT(fused(decision).sources, ElementsAre(0, 3));
  EXPECT_EQ(fused(decision).expr.operands.at(0), part_of_fill(2, 0, 8));
}

TEST(JoinedTensors, ASourceThatMakesTheWholeTooLongIsFilledAlone) {
  CheckCase subject = attention({{"k", {8, 8}}, {"q", {9, 8}}, {"v", {8, 8}}});
  std::erase_if(subject.mapped.tensors, [](const MappedTensor& tensor) { return tensor.target != "proj.weight"; });
  subject.mapped.tensors.push_back({kFused, {2, 0, 3}, joined({0, 1, 2}), {DType::kF32, {25, 8}}, "hf#1"});
  const Decision decision = decided(subject, "ignore_mismatched_sizes");
  ASSERT_EQ(decision.report.verdict, Verdict::kAcceptedWithWaivers);
  EXPECT_EQ(with_id(decision.report, "TN-SHAPE").size(), 1U);
  EXPECT_THAT(fused(decision).sources, ElementsAre(0, 3));
}

TEST(JoinedTensors, ARuleForWhatIsMissingFillsThePartThatIsMissing) {
  CheckCase subject = without_query();
  subject.policy.allow_missing(kFused, {Fill::Kind::kZeros});
  const Decision decision = subject.decide();
  ASSERT_EQ(decision.report.verdict, Verdict::kAcceptedWithWaivers);
  EXPECT_EQ(fused(decision).fill.kind, Fill::Kind::kZeros);
  EXPECT_THAT(fused(decision).sources, ElementsAre(0, 2));
}

TEST(JoinedTensors, OneThatIsThereTwiceIsRefusedByEveryPreset) {
  CheckCase subject = without_query();
  subject.mapped.problems[0].duplicate = true;
  for (const char* preset : {"strict", "lenient", "hf-like", "ignore_mismatched_sizes"}) {
    const Decision decision = decided(subject, preset);
    EXPECT_EQ(decision.report.verdict, Verdict::kRefused) << preset;
    EXPECT_EQ(with_id(decision.report, "TN-DUPLICATE").size(), 1U) << preset;
  }
}

}  // namespace
}  // namespace tenon
