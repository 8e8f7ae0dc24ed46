// Rules, waivers in C++, levels, expectations and dtypes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tenon/policy.h>

#include "tests/support/check_case.h"

namespace tenon {
namespace {

using test::CheckCase;
using test::small_vit;
using test::with;
using test::with_id;
using test::with_shape;
using test::without;
using testing::ElementsAre;

const PlanStep& step_for(const Decision& decision, const std::string& target) {
  for (const PlanStep& step : decision.plan.value().steps) {
    if (step.target == target) return step;
  }
  throw std::out_of_range(target);
}

const Provenance& origin_of(const Decision& decision, const std::string& target) {
  for (const Provenance& tensor : decision.report.tensors) {
    if (tensor.target == target) return tensor;
  }
  throw std::out_of_range(target);
}

TEST(PolicyRules, TheFirstRuleThatMatchesWins) {
  CheckCase subject(without(small_vit(), "head.bias"), small_vit());
  subject.policy.allow_missing("head.**", {Fill::Kind::kOnes})
      .allow_missing("**", {Fill::Kind::kZeros});
  const Decision decision = subject.decide();
  EXPECT_EQ(step_for(decision, "head.bias").fill.kind, Fill::Kind::kOnes);
  ASSERT_EQ(with_id(decision.report, "TN-POLICY-UNUSED").size(), 1u);
}

TEST(PolicyRules, ARuleCanRefuseWhatThePresetWouldTake) {
  CheckCase subject(with(small_vit(), {"extra", {3}}), small_vit());
  subject.policy =
      parse_policy(
          "p.yaml",
          "tenon_policy: 1\nbase: lenient\nrules:\n  - {on: unexpected, key: extra, do: refuse}\n")
          .value();
  EXPECT_EQ(subject.decide().report.verdict, Verdict::kRefused);
}

TEST(PolicyRules, ARuleThatDecidesOverNothingIsAWarning) {
  CheckCase subject(small_vit(), small_vit());
  subject.policy.allow_unexpected("nothing.**");
  const Decision decision = subject.decide();
  const auto unused = with_id(decision.report, "TN-POLICY-UNUSED");
  ASSERT_EQ(unused.size(), 1u);
  EXPECT_EQ(unused[0].severity, Severity::kWarning);
  EXPECT_EQ(unused[0].rule, "allow_unexpected(\"nothing.**\")");
  EXPECT_EQ(decision.report.verdict, Verdict::kAccepted);
}

TEST(PolicyRules, AWaiverFillsWithWhatItSays) {
  CheckCase subject(without(small_vit(), "head.bias"), small_vit());
  subject.policy.allow_missing("head.bias", {Fill::Kind::kConstant, 0.5});
  const Decision decision = subject.decide();
  EXPECT_EQ(decision.report.verdict, Verdict::kAcceptedWithWaivers);
  const PlanStep& step = step_for(decision, "head.bias");
  EXPECT_EQ(step.expr.op, OpKind::kFill);
  EXPECT_EQ(step.expr.value, 0.5);
  EXPECT_EQ(step.expr.args, (std::vector<std::int64_t>{10}));
  EXPECT_EQ(origin_of(decision, "head.bias").origin, Origin::kFilled);
  EXPECT_EQ(origin_of(decision, "head.bias").rule, "allow_missing(\"head.bias\")");
}

TEST(PolicyRules, ResizeWorksOnTheTableItNames) {
  CheckCase subject(with_shape(small_vit(), "pos_embed", {1, 50, 32}), small_vit());
  subject.policy.resize("pos_embed", "bilinear");
  const PlanStep step = step_for(subject.decide(), "pos_embed");
  EXPECT_EQ(step.expr.args, (std::vector<std::int64_t>{1, 7, 7, 4, 4}));
  EXPECT_EQ(step.expr.text, "bilinear");
}

TEST(PolicyRules, AHundredNinetySixTokensAreNeverTakenForAClassTokenAndTheRest) {
  CheckCase subject(with_shape(small_vit(), "pos_embed", {1, 196, 32}), small_vit());
  subject.policy.resize("pos_embed");
  const Decision decision = subject.decide();
  EXPECT_EQ(decision.report.verdict, Verdict::kRefused);
  EXPECT_NE(with_id(decision.report, "TN-SHAPE").at(0).message.find("not adapted"),
            std::string::npos);
}

TEST(PolicyRules, RegisterTokensStayInFrontOfTheGrid) {
  CheckCase subject({{"reg_token", {1, 4, 8}}, {"pos_embed", {1, 53, 8}}, {"w", {2000}}},
                    {{"reg_token", {1, 4, 8}}, {"pos_embed", {1, 20, 8}}, {"w", {2000}}});
  subject.policy.resize("pos_embed");
  EXPECT_EQ(step_for(subject.decide(), "pos_embed").expr.args,
            (std::vector<std::int64_t>{4, 7, 7, 4, 4}));
}

TEST(PolicyRules, AGridThatIsNoSquareComesFromTheConfig) {
  CheckCase subject({{"cls_token", {1, 1, 8}}, {"pos_embed", {1, 65, 8}}, {"p", {8, 3, 4, 4}}},
                    {{"cls_token", {1, 1, 8}}, {"pos_embed", {1, 37, 8}}, {"p", {8, 3, 4, 4}}});
  subject.part().config.set("img_size", Value(Value::List{Value(16), Value(36)}));
  subject.policy.resize("pos_embed");
  EXPECT_EQ(step_for(subject.decide(), "pos_embed").expr.args,
            (std::vector<std::int64_t>{1, 8, 8, 4, 9}));
}

TEST(PolicyRules, InflateAddsZerosBehindTheChannelsOfTheFile) {
  CheckCase subject({{"conv_in.weight", {8, 4, 3, 3}}}, {{"conv_in.weight", {8, 9, 3, 3}}});
  subject.policy.inflate("conv_in.weight");
  const PlanStep step = step_for(subject.decide(), "conv_in.weight");
  EXPECT_EQ(step.expr.op, OpKind::kPad);
  EXPECT_EQ(step.expr.args, (std::vector<std::int64_t>{1, 0, 5}));
  EXPECT_EQ(infer(step.expr, {{DType::kF32, {8, 4, 3, 3}}}).value().shape, (Shape{8, 9, 3, 3}));
}

TEST(PolicyRules, InflateCutsChannelsThatTheModelLacks) {
  CheckCase subject({{"conv_in.weight", {8, 8, 3, 3}}}, {{"conv_in.weight", {8, 4, 3, 3}}});
  subject.policy.inflate("conv_in.weight");
  EXPECT_EQ(step_for(subject.decide(), "conv_in.weight").expr.args,
            (std::vector<std::int64_t>{1, 0, 4}));
}

TEST(PolicyRules, ByDefaultThreeChannelsAreRepeatedAndScaled) {
  CheckCase subject({{"proj.weight", {8, 3, 4, 4}, DType::kF16}}, {{"proj.weight", {8, 7, 4, 4}}});
  subject.policy.inflate("proj.weight", {});
  const Decision decision = subject.decide();
  const PlanStep& step = step_for(decision, "proj.weight");
  EXPECT_EQ(infer(step.expr, {{DType::kF16, {8, 3, 4, 4}}}).value(),
            (TensorType{DType::kF16, {8, 7, 4, 4}}));
  EXPECT_THAT(origin_of(decision, "proj.weight").ops,
              testing::Contains(testing::HasSubstr("scale")));
}

TEST(PolicyRules, ByDefaultOneChannelIsTheSumOfAll) {
  CheckCase subject({{"proj.weight", {8, 3, 4, 4}}}, {{"proj.weight", {8, 1, 4, 4}}});
  subject.policy.inflate("proj.weight", {});
  const PlanStep step = step_for(subject.decide(), "proj.weight");
  EXPECT_EQ(step.expr.op, OpKind::kAdd);
  EXPECT_EQ(infer(step.expr, {{DType::kF32, {8, 3, 4, 4}}}).value().shape, (Shape{8, 1, 4, 4}));
}

TEST(PolicyRules, InflateRefusesALayerOfAnotherWidth) {
  CheckCase subject({{"w", {8, 4, 3, 3}}}, {{"w", {9, 5, 3, 3}}});
  subject.policy.inflate("w");
  EXPECT_EQ(subject.decide().report.verdict, Verdict::kRefused);
}

TEST(PolicyRules, ACastGivesEachTensorItsDtype) {
  CheckCase subject({{"a.norm.weight", {2}, DType::kF16}, {"a.proj.weight", {2}, DType::kF16}},
                    {{"a.norm.weight", {2}}, {"a.proj.weight", {2}}});
  subject.policy.cast("**", DType::kBF16, {"**.norm*.**"});
  const Decision decision = subject.decide();
  EXPECT_EQ(step_for(decision, "a.norm.weight").type.dtype, DType::kF32);
  EXPECT_EQ(step_for(decision, "a.proj.weight").type.dtype, DType::kBF16);
  EXPECT_THAT(origin_of(decision, "a.proj.weight").ops, ElementsAre("cast(BF16)"));
  EXPECT_EQ(decision.report.verdict, Verdict::kAccepted);
}

TEST(PolicyRules, TheRequestCastsFloatsAndLeavesIntegers) {
  CheckCase subject({{"steps", {1}, DType::kI32}, {"w", {2}, DType::kF32}},
                    {{"steps", {1}, DType::kI64}, {"w", {2}}});
  subject.request.dtype = DType::kF16;
  const Decision decision = subject.decide();
  EXPECT_EQ(step_for(decision, "steps").type.dtype, DType::kI64);
  EXPECT_EQ(step_for(decision, "w").type.dtype, DType::kF16);
}

TEST(PolicyRules, ACastThatThePolicyForbidsIsAFinding) {
  CheckCase subject({{"w", {2}, DType::kF32}}, {{"w", {2}}});
  subject.request.dtype = DType::kF16;
  subject.policy =
      parse_policy("p.yaml", "tenon_policy: 1\nrules:\n  - {on: dtype, key: w, do: refuse}\n")
          .value();
  const Decision decision = subject.decide();
  EXPECT_EQ(decision.report.verdict, Verdict::kRefused);
  EXPECT_EQ(with_id(decision.report, "TN-DTYPE").at(0).rule, "p.yaml:3");
}

TEST(PolicyRules, WithoutARequestTheFilesDtypeIsKept) {
  const CheckCase subject({{"w", {2}, DType::kBF16}}, {{"w", {2}}});
  EXPECT_EQ(step_for(subject.decide(), "w").type.dtype, DType::kBF16);
}

TEST(PolicyRules, AModelsOwnDtypesAreKeptWhereAskedFor) {
  CheckCase subject({{"w", {2}, DType::kBF16}}, {{"w", {2}}});
  subject.request.model_dtypes = true;
  EXPECT_EQ(step_for(subject.decide(), "w").type.dtype, DType::kF32);
}

TEST(PolicyRules, FilledTensorsTakeTheCommonestDtypeOfTheFile) {
  CheckCase subject({{"a", {8}, DType::kF16}, {"b", {8}, DType::kF16}, {"c", {8}, DType::kF32}},
                    {{"a", {8}}, {"b", {8}}, {"c", {8}}, {"d", {8}}});
  subject.policy = policy_preset("hf-like").value();
  EXPECT_EQ(step_for(subject.decide(), "d").type.dtype, DType::kF16);
}

TEST(PolicyRules, IntegersBecomeFloatsOnlyByARule) {
  CheckCase subject({{"w", {2}, DType::kI64}}, {{"w", {2}}});
  EXPECT_EQ(subject.decide().report.verdict, Verdict::kRefused);
  subject.policy.cast("w", DType::kF32);
  EXPECT_EQ(subject.decide().report.verdict, Verdict::kAcceptedWithWaivers);
}

TEST(PolicyRules, FailAtWarningRefusesWhatWasWaived) {
  CheckCase subject(with(small_vit(), {"extra", {3}}), small_vit());
  subject.policy = policy_preset("lenient").value();
  EXPECT_EQ(subject.decide().report.verdict, Verdict::kAcceptedWithWaivers);
  subject.policy.fail_at = Severity::kWarning;
  const Decision decision = subject.decide();
  EXPECT_EQ(decision.report.verdict, Verdict::kRefused);
  EXPECT_FALSE(decision.report.diagnosis.empty());
}

TEST(PolicyRules, ANoteIsStillCountedAsWaived) {
  CheckCase subject(with(small_vit(), {"extra", {3}}), small_vit());
  subject.policy.allow_unexpected("extra", Severity::kNote);
  const Decision decision = subject.decide();
  EXPECT_EQ(decision.report.counts.waived, 1u);
  EXPECT_EQ(decision.report.verdict, Verdict::kAcceptedWithWaivers);
}

TEST(PolicyRules, WhatTheCallersOwnRulesFillIsNotMissedByTheCoverageGuard) {
  CheckCase subject({{"backbone.w", {8}}}, {{"backbone.w", {8}}, {"decoder.w", {100}}});
  subject.policy.allow_missing("decoder.**");
  EXPECT_EQ(subject.decide().report.verdict, Verdict::kAcceptedWithWaivers);
}

TEST(PolicyRules, ARuleForEverythingDoesNotTurnAnEmptyFileIntoAModel) {
  CheckCase subject({{"other", {8}}}, {{"w", {8}}});
  subject.policy.allow_missing("**").allow_unexpected("**");
  EXPECT_EQ(subject.decide().report.verdict, Verdict::kRefused);
}

TEST(PolicyRules, AModelMadeOfMoreThanTheFileHoldsIsRefused) {
  CheckCase subject({{"w", {1}}}, {{"w", {40}}});
  Expr many;
  many.op = OpKind::kConcat;
  many.args = {0};
  many.operands.assign(40, subject.mapped.tensors[0].expr);
  subject.mapped.tensors[0].expr = many;
  subject.mapped.tensors[0].type.shape = {40};
  EXPECT_EQ(with_id(subject.decide().report, "TN-ELEMENTS").size(), 1u);
}

TEST(PolicyRules, AWrongPatternInCppIsAFindingThatNamesTheRule) {
  CheckCase subject(small_vit(), small_vit());
  subject.policy.allow_missing("a.**.b.**.c{");
  const Decision decision = subject.decide();
  EXPECT_EQ(decision.report.verdict, Verdict::kRefused);
  EXPECT_EQ(with_id(decision.report, "TN-POLICY-PATTERN").size(), 1u);
}

TEST(PolicyRules, AnActionThatWouldLeaveATensorUnboundIsRefusedInCppToo) {
  const std::vector<std::pair<FindingKind, Action>> impossible = {
      {FindingKind::kMissing, Action::kDrop}, {FindingKind::kMissing, Action::kKeep}, {FindingKind::kShape, Action::kCast},
      {FindingKind::kUnexpected, Action::kFill}, {FindingKind::kConfig, Action::kRefuse}};
  for (const auto& [on, action] : impossible) {
    CheckCase subject(without(small_vit(), "head.bias"), small_vit());
    PolicyRule rule;
    rule.on = on;
    rule.key = "head.bias";
    rule.action = action;
    rule.text = "mine";
    subject.policy.rules = {rule};
    const Decision decision = subject.decide();
    EXPECT_EQ(decision.report.verdict, Verdict::kRefused) << to_string(on) << ' ' << to_string(action);
    const auto found = with_id(decision.report, "TN-POLICY-VALUE");
    ASSERT_EQ(found.size(), 1u) << to_string(on) << ' ' << to_string(action);
    EXPECT_NE(found[0].message.find("mine"), std::string::npos);
  }
}

TEST(PolicyRules, AnUnknownWayToResizeOrCastIsRefusedInCppToo) {
  CheckCase subject(small_vit(), small_vit());
  subject.policy.resize("pos_embed", "cubic");
  EXPECT_EQ(with_id(subject.decide().report, "TN-POLICY-VALUE").size(), 1u);
  subject.policy.rules.clear();
  subject.policy.cast("**", DType::kI32);
  EXPECT_EQ(with_id(subject.decide().report, "TN-POLICY-VALUE").size(), 1u);
  subject.policy.rules.clear();
  subject.policy.resize("pos_embed", "nearest").cast("**", DType::kF16);
  EXPECT_TRUE(with_id(subject.decide().report, "TN-POLICY-VALUE").empty());
}

TEST(PolicyExpectations, AnotherFamilyIsRefused) {
  CheckCase subject(small_vit(), small_vit());
  subject.policy.expect.family = "clip";
  const Decision decision = subject.decide();
  EXPECT_EQ(decision.report.verdict, Verdict::kRefused);
  EXPECT_EQ(with_id(decision.report, "TN-EXPECT").size(), 1u);
}

TEST(PolicyExpectations, AnotherVariantIsRefusedAndANameForTheSameWeightsIsNot) {
  CheckCase subject(small_vit(), small_vit());
  subject.policy.expect = {"vit", "vit_tiny_patch16_224", {}};
  EXPECT_EQ(subject.decide().report.verdict, Verdict::kRefused);
  subject.part().also = {"vit_tiny_patch16_224"};
  EXPECT_EQ(subject.decide().report.verdict, Verdict::kAccepted);
}

TEST(Request, AnotherFamilyThanAskedIsRefusedByEveryPreset) {
  for (const char* preset : {"strict", "lenient", "hf-like", "ignore_mismatched_sizes"}) {
    CheckCase subject(small_vit(), small_vit());
    subject.policy = policy_preset(preset).value();
    subject.request.family = "clip";
    EXPECT_EQ(with_id(subject.decide().report, "TN-FAMILY").size(), 1u) << preset;
    EXPECT_EQ(subject.decide().report.verdict, Verdict::kRefused) << preset;
  }
}

TEST(Request, AnotherVariantThanAskedIsRefused) {
  CheckCase subject(small_vit(), small_vit());
  subject.request.family = "vit";
  EXPECT_EQ(subject.decide().report.verdict, Verdict::kAccepted);
  subject.request.variant = "vit_large_patch16_224";
  EXPECT_EQ(with_id(subject.decide().report, "TN-VARIANT").size(), 1u);
}

TEST(Request, AVariantThatTheWeightsCannotTellApartIsTaken) {
  CheckCase subject(small_vit(), small_vit());
  subject.part().undecidable = {{"variant", {Value("a"), Value("b")}, "--as vit/b", false}};
  subject.request.family = "vit";
  subject.request.variant = "b";
  EXPECT_EQ(subject.decide().report.verdict, Verdict::kAccepted);
}

TEST(Request, WhatNobodyDecidedIsAWarningForCheckAndAnErrorForTheForward) {
  CheckCase subject(small_vit(), small_vit());
  subject.part().undecidable = {{"num_heads", {Value(2), Value(4)}, "--set num_heads=4", true}};
  Decision decision = subject.decide();
  EXPECT_EQ(decision.report.verdict, Verdict::kAccepted);
  EXPECT_FALSE(decision.report.loadable);
  EXPECT_EQ(with_id(decision.report, "TN-UNDECIDABLE").at(0).severity, Severity::kWarning);
  subject.request.forward = true;
  decision = subject.decide();
  EXPECT_EQ(decision.report.verdict, Verdict::kRefused);
  EXPECT_EQ(decision.report.diagnosis.at(0).id, "TN-D-UNDECIDABLE");
}

TEST(Request, AContradictedConfigIsAnErrorInStrictOnly) {
  CheckCase subject(small_vit(), small_vit());
  Finding contradiction;
  contradiction.id = "TN-CONFIG-CONTRADICTS";
  contradiction.kind = FindingKind::kConfig;
  contradiction.target = "depth";
  contradiction.message = "vit depth: --set says 3, the shapes say 2";
  subject.part().findings = {contradiction};
  EXPECT_EQ(subject.decide().report.verdict, Verdict::kRefused);
  subject.policy = policy_preset("lenient").value();
  EXPECT_EQ(subject.decide().report.verdict, Verdict::kAccepted);
}

TEST(Scales, AScaleBesideAnEightBitWeightIsNeverDroppedByAPreset) {
  for (const char* preset : {"strict", "lenient", "hf-like", "ignore_mismatched_sizes"}) {
    CheckCase subject({{"a.weight", {64}, DType::kF8E4M3}, {"a.scale_weight", {}}},
                      {{"a.weight", {64}}});
    subject.policy = policy_preset(preset).value();
    const Decision decision = subject.decide();
    EXPECT_EQ(decision.report.verdict, Verdict::kRefused) << preset;
    EXPECT_EQ(with_id(decision.report, "TN-SCALE").at(0).source, "a.scale_weight");
    EXPECT_EQ(decision.report.diagnosis.at(0).id, "TN-D-SCALE");
  }
}

TEST(Scales, ARuleThatNamesItDropsIt) {
  CheckCase subject({{"a.weight", {64}, DType::kF8E4M3}, {"a.scale_input", {}}},
                    {{"a.weight", {64}}});
  subject.policy.allow_unexpected("a.scale_input");
  EXPECT_EQ(subject.decide().report.verdict, Verdict::kAcceptedWithWaivers);
}

TEST(Scales, EightBitWeightsWithoutScalesAreTakenAsTheyAre) {
  const CheckCase subject({{"a.weight", {64}, DType::kF8E4M3}}, {{"a.weight", {64}}});
  EXPECT_EQ(subject.decide().report.verdict, Verdict::kAccepted);
}

CheckRequest::Partner partner(const char* role, const Part& part) {
  return {.role = role, .path = "partner.safetensors", .checkpoint = nullptr, .part = &part, .names = {}};
}

TEST(Pairs, APartForAnotherBaseIsRefused) {
  CheckCase subject(small_vit(), small_vit());
  subject.part().base = "sdxl";
  Part base;
  base.family = "unet";
  base.variant = "sd1";
  subject.request.with = {partner("base", base)};
  const Decision decision = subject.decide();
  EXPECT_EQ(decision.report.verdict, Verdict::kRefused);
  EXPECT_EQ(decision.report.diagnosis.at(0).id, "TN-D-PAIR");
  const std::string message = with_id(decision.report, "TN-PAIR").at(0).message;
  EXPECT_THAT(message, testing::AllOf(testing::HasSubstr("sdxl"), testing::HasSubstr("unet/sd1")));
  base.variant = "sdxl";
  EXPECT_EQ(subject.decide().report.verdict, Verdict::kAccepted);
}

TEST(Pairs, AnEncoderOfAnotherWidthIsRefused) {
  CheckCase subject(small_vit(), small_vit());
  subject.part().config.set("projection", "resampler");
  subject.part().config.set("embeddings_dim", 1280);
  Part encoder;
  encoder.family = "clip";
  encoder.variant = "vit-bigg-14";
  encoder.config.set("vision_cfg.width", 1664);
  encoder.config.set("embed_dim", 1280);
  subject.request.with = {partner("image_encoder", encoder)};
  EXPECT_EQ(with_id(subject.decide().report, "TN-PAIR").size(), 1u);
  subject.part().config.set("projection", "linear");
  EXPECT_EQ(subject.decide().report.verdict, Verdict::kAccepted);
}

TEST(Pairs, AnImageEncoderBelongsToNoBase) {
  CheckCase subject(small_vit(), small_vit());
  subject.part().base = "sdxl";
  Part encoder;
  encoder.family = "clip";
  encoder.variant = "vit-h-14";
  subject.request.with = {partner("image_encoder", encoder)};
  EXPECT_EQ(subject.decide().report.verdict, Verdict::kAccepted);
}

TEST(Reports, EveryTargetHasAnOriginOnSuccess) {
  CheckCase subject(
      with(without(small_vit(), "head.bias"), {"harmless.position_ids", {1, 17}, DType::kI64}),
      small_vit());
  subject.policy = policy_preset("hf-like").value();
  const Decision decision = subject.decide();
  ASSERT_EQ(decision.report.tensors.size(), small_vit().size() + 1);
  EXPECT_EQ(origin_of(decision, "position_ids").origin, Origin::kDerived);
  EXPECT_EQ(origin_of(decision, "head.bias").origin, Origin::kFilled);
  EXPECT_EQ(origin_of(decision, "cls_token").origin, Origin::kFile);
  EXPECT_THAT(origin_of(decision, "cls_token").from, ElementsAre("cls_token"));
}

TEST(Reports, FindingsAreErrorsFirstThenInNaturalOrder) {
  CheckCase subject({{"x.10", {1}}, {"x.2", {1}}, {"w", {9}}}, {{"w", {9}}, {"z", {1}}});
  subject.policy.allow_unexpected("**");
  std::vector<std::string> order;
  for (const Finding& finding : subject.decide().report.findings) {
    order.push_back(finding.target.empty() ? finding.source : finding.target);
  }
  EXPECT_THAT(order, ElementsAre("z", "x.2", "x.10"));
}

TEST(Reports, MessagesStayWithinTheirLimitWhateverTheNames) {
  const std::string name(4000, '\x01');
  CheckCase subject({{name, {1}}}, {{name + "x", {1}}});
  for (const Finding& finding : subject.decide().report.findings) {
    EXPECT_LE(finding.message.size(), 512u);
    EXPECT_EQ(finding.message.find('\x01'), std::string::npos);
  }
}

TEST(Reports, ConditionsOnValuesAreNotesUntilLoad) {
  CheckCase subject({{"k.bias", {2}}, {"w", {9}}}, {{"w", {9}}});
  subject.mapped.tensors.clear();
  Expr source;
  source.args = {0};
  subject.mapped.tensors.push_back({"w", {1}, source, {DType::kF32, {9}}, "timm#1"});
  subject.mapped.ignored.push_back({0, "a bias without effect", false, ""});
  subject.mapped.pending.push_back({ValueCondition::Kind::kZero, "k.bias", ""});
  const Decision decision = subject.decide();
  EXPECT_EQ(decision.report.verdict, Verdict::kAccepted);
  EXPECT_EQ(with_id(decision.report, "TN-PENDING").at(0).severity, Severity::kNote);
  EXPECT_EQ(decision.plan.value().pending.size(), 1u);
}

}  // namespace
}  // namespace tenon
