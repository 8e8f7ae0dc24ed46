// Each cell of the presets' table.
#include <gtest/gtest.h>
#include <tenon/policy.h>

#include "tests/support/check_case.h"

namespace tenon {
namespace {

using test::CheckCase;
using test::Named;
using test::small_vit;
using test::with;
using test::with_id;
using test::with_shape;
using test::without;

Decision decided_by(CheckCase subject, const char* preset) {
  subject.policy = policy_preset(preset).value();
  return subject.decide();
}

const PlanStep* step_of(const Decision& decision, const std::string& target) {
  if (!decision.plan) return nullptr;
  for (const PlanStep& step : decision.plan->steps) {
    if (step.target == target) return &step;
  }
  return nullptr;
}

/// Refused, and the finding is an error about this name.
void expect_refused(const Decision& decision, const char* id) {
  EXPECT_EQ(decision.report.verdict, Verdict::kRefused);
  EXPECT_FALSE(decision.plan);
  const auto findings = with_id(decision.report, id);
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(findings[0].severity, Severity::kError);
  EXPECT_EQ(findings[0].action, Action::kRefuse);
}

void expect_waived(const Decision& decision, const char* id, Action action, const char* rule) {
  EXPECT_EQ(decision.report.verdict, Verdict::kAcceptedWithWaivers);
  EXPECT_TRUE(decision.plan);
  EXPECT_TRUE(decision.report.diagnosis.empty());
  const auto findings = with_id(decision.report, id);
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(findings[0].severity, Severity::kWarning);
  EXPECT_EQ(findings[0].action, action);
  EXPECT_EQ(findings[0].rule, rule);
  EXPECT_EQ(decision.report.counts.waived, decision.report.findings.size());
}

CheckCase missing_one() { return {without(small_vit(), "blocks.1.attn.qkv.bias"), small_vit()}; }
CheckCase unexpected_one() { return {with(small_vit(), {"extra", {3}}), small_vit()}; }
CheckCase other_head() {
  return {with_shape(with_shape(small_vit(), "head.weight", {7, 32}), "head.bias", {7}),
          small_vit()};
}
CheckCase headless() {
  return {without(without(small_vit(), "head.weight"), "head.bias"), small_vit()};
}
CheckCase other_resolution() {
  return {with_shape(small_vit(), "pos_embed", {1, 50, 32}), small_vit()};
}
CheckCase other_channels() {
  return {with_shape(small_vit(), "patch_embed.proj.weight", {32, 4, 4, 4}), small_vit()};
}
CheckCase asking(CheckCase subject, const char* key, Value value) {
  subject.request.asked.set(key, std::move(value), ConfigOrigin::kSet);
  return subject;
}

TEST(Presets, EqualListsAreAcceptedByAllWithoutAWaiver) {
  for (const char* preset : {"strict", "lenient", "hf-like", "ignore_mismatched_sizes"}) {
    const Decision decision = decided_by({small_vit(), small_vit()}, preset);
    EXPECT_EQ(decision.report.verdict, Verdict::kAccepted) << preset;
    EXPECT_TRUE(decision.report.findings.empty()) << preset;
    ASSERT_TRUE(decision.plan) << preset;
    EXPECT_EQ(decision.plan->steps.size(), small_vit().size()) << preset;
    EXPECT_EQ(decision.report.tensors.size(), small_vit().size()) << preset;
    EXPECT_EQ(decision.report.policy, preset);
  }
}

TEST(Presets, StrictRefusesAMissingTensor) {
  expect_refused(decided_by(missing_one(), "strict"), "TN-MISSING");
}
TEST(Presets, StrictRefusesAnUnexpectedTensor) {
  expect_refused(decided_by(unexpected_one(), "strict"), "TN-UNEXPECTED");
}
TEST(Presets, StrictRefusesAnotherShape) {
  expect_refused(decided_by(other_head(), "strict"), "TN-SHAPE");
}
TEST(Presets, StrictRefusesAnotherHeadThatWasAskedFor) {
  expect_refused(decided_by(asking(other_head(), "num_classes", 10), "strict"), "TN-SHAPE");
}

TEST(Presets, LenientRefusesAMissingTensor) {
  expect_refused(decided_by(missing_one(), "lenient"), "TN-MISSING");
}
TEST(Presets, LenientDropsAnUnexpectedTensorAndSaysSo) {
  expect_waived(decided_by(unexpected_one(), "lenient"), "TN-UNEXPECTED", Action::kDrop, "lenient");
}
TEST(Presets, LenientRefusesAnotherHeadThatNobodyAskedFor) {
  expect_refused(decided_by(other_head(), "lenient"), "TN-SHAPE");
}
TEST(Presets, LenientFillsAHeadOfTheSizeThatWasAskedFor) {
  const Decision decision = decided_by(asking(other_head(), "num_classes", 10), "lenient");
  expect_waived(decision, "TN-SHAPE", Action::kFill, "lenient");
  const PlanStep* head = step_of(decision, "head.weight");
  ASSERT_NE(head, nullptr);
  EXPECT_EQ(head->origin, Origin::kFilled);
  EXPECT_EQ(head->fill.kind, Fill::Kind::kModuleDefault);
  EXPECT_EQ(head->type.shape, (Shape{10, 32}));
}
TEST(Presets, LenientFillsAnAbsentHeadThatWasAskedFor) {
  expect_waived(decided_by(asking(headless(), "num_classes", 10), "lenient"), "TN-MISSING",
                Action::kFill, "lenient");
}
TEST(Presets, LenientRefusesAnAbsentHeadThatNobodyAskedFor) {
  expect_refused(decided_by(headless(), "lenient"), "TN-MISSING");
}
TEST(Presets, LenientRefusesHalfAHead) {
  CheckCase subject(without(small_vit(), "head.bias"), small_vit());
  expect_refused(decided_by(asking(subject, "num_classes", 10), "lenient"), "TN-MISSING");
}
TEST(Presets, AHeadChangeLeavesATypoElsewhereFatal) {
  CheckCase subject = other_head();
  subject = CheckCase(
      with(without(with_shape(with_shape(small_vit(), "head.weight", {7, 32}), "head.bias", {7}),
                   "blocks.0.attn.qkv.weight"),
           {"blocks.0.attn.qvk.weight", {96, 32}}),
      small_vit());
  const Decision decision = decided_by(asking(subject, "num_classes", 10), "lenient");
  expect_refused(decision, "TN-MISSING");
  EXPECT_EQ(with_id(decision.report, "TN-MISSING")[0].did_you_mean, "blocks.0.attn.qvk.weight");
}
TEST(Presets, LenientResizesAPositionTableToTheSizeThatWasAskedFor) {
  const Decision decision = decided_by(asking(other_resolution(), "img_size", 16), "lenient");
  expect_waived(decision, "TN-SHAPE", Action::kResize, "lenient");
  const PlanStep* table = step_of(decision, "pos_embed");
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->expr.op, OpKind::kResize);
  EXPECT_EQ(table->expr.args, (std::vector<std::int64_t>{1, 7, 7, 4, 4}));
  EXPECT_EQ(table->expr.text, "bicubic-antialias");
  EXPECT_EQ(table->origin, Origin::kFile);
}
TEST(Presets, LenientRefusesAnotherResolutionThatNobodyAskedFor) {
  expect_refused(decided_by(other_resolution(), "lenient"), "TN-SHAPE");
}
TEST(Presets, LenientRefusesATableThatIsNoSquareGrid) {
  CheckCase subject(with_shape(small_vit(), "pos_embed", {1, 49, 32}), small_vit());
  expect_refused(decided_by(asking(subject, "img_size", 16), "lenient"), "TN-SHAPE");
}
TEST(Presets, LenientAdaptsTheChannelsThatWereAskedFor) {
  const Decision decision = decided_by(asking(other_channels(), "in_chans", 3), "lenient");
  expect_waived(decision, "TN-SHAPE", Action::kInflate, "lenient");
  EXPECT_EQ(step_of(decision, "patch_embed.proj.weight")->type.shape, (Shape{32, 3, 4, 4}));
}
TEST(Presets, LenientRefusesOtherChannelsThatNobodyAskedFor) {
  expect_refused(decided_by(other_channels(), "lenient"), "TN-SHAPE");
}
TEST(Presets, LenientRefusesAnotherWidthOfALayer) {
  CheckCase subject(with_shape(small_vit(), "blocks.0.attn.qkv.weight", {96, 31}), small_vit());
  expect_refused(decided_by(asking(subject, "img_size", 16), "lenient"), "TN-SHAPE");
}

TEST(Presets, HfLikeFillsAMissingTensor) {
  const Decision decision = decided_by(missing_one(), "hf-like");
  expect_waived(decision, "TN-MISSING", Action::kFill, "hf-like");
  EXPECT_EQ(step_of(decision, "blocks.1.attn.qkv.bias")->fill.kind, Fill::Kind::kModuleDefault);
}
TEST(Presets, HfLikeDropsAnUnexpectedTensor) {
  expect_waived(decided_by(unexpected_one(), "hf-like"), "TN-UNEXPECTED", Action::kDrop, "hf-like");
}
TEST(Presets, HfLikeRefusesAnotherShape) {
  expect_refused(decided_by(asking(other_head(), "num_classes", 10), "hf-like"), "TN-SHAPE");
}

TEST(Presets, IgnoreMismatchedSizesFillsAMissingTensor) {
  expect_waived(decided_by(missing_one(), "ignore_mismatched_sizes"), "TN-MISSING", Action::kFill,
                "ignore_mismatched_sizes");
}
TEST(Presets, IgnoreMismatchedSizesDropsAnUnexpectedTensor) {
  expect_waived(decided_by(unexpected_one(), "ignore_mismatched_sizes"), "TN-UNEXPECTED",
                Action::kDrop, "ignore_mismatched_sizes");
}
TEST(Presets, IgnoreMismatchedSizesFillsAnotherShape) {
  const Decision decision = decided_by(other_head(), "ignore_mismatched_sizes");
  expect_waived(decision, "TN-SHAPE", Action::kFill, "ignore_mismatched_sizes");
  EXPECT_EQ(step_of(decision, "head.bias")->origin, Origin::kFilled);
}

TEST(Presets, NoneAcceptsUnderHalfOfTheElements) {
  std::vector<Named> file;
  for (const Named& named : small_vit()) file.push_back({named.name, {1}});
  for (const char* preset : {"strict", "lenient", "hf-like", "ignore_mismatched_sizes"}) {
    expect_refused(decided_by({file, small_vit()}, preset), "TN-COVERAGE");
  }
}
TEST(Presets, JustHalfOfTheElementsIsEnough) {
  EXPECT_EQ(decided_by({{{"a", {8}}}, {{"a", {8}}, {"b", {8}}}}, "hf-like").report.verdict,
            Verdict::kAcceptedWithWaivers);
  expect_refused(decided_by({{{"a", {8}}}, {{"a", {8}}, {"b", {9}}}}, "hf-like"), "TN-COVERAGE");
}
TEST(Presets, NoneTakesAnotherKindOfNumbers) {
  const CheckCase subject({{"steps", {1}}, {"w", {9}}}, {{"steps", {1}, DType::kI64}, {"w", {9}}});
  for (const char* preset : {"strict", "lenient", "hf-like", "ignore_mismatched_sizes"}) {
    expect_refused(decided_by(subject, preset), "TN-DTYPE");
  }
}
TEST(Presets, AnUnknownNameIsWrongUsageThatListsTheNames) {
  const auto policy = policy_preset("loose");
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().kind, ErrorKind::kUsage);
  EXPECT_EQ(policy.error().code, "TN-POLICY-NAME");
  EXPECT_NE(policy.error().message.find("hf-like"), std::string::npos);
}

}  // namespace
}  // namespace tenon
