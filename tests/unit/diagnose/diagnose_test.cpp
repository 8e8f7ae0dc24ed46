#include "runtime/diagnose/diagnose.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

#include "runtime/diagnose/words.h"
#include "runtime/value/general_finding.h"
#include "tests/support/check_case.h"

namespace tenon {
namespace {

using test::CheckCase;
using test::Named;
using test::small_vit;
using test::with;
using test::with_shape;
using test::without;
using testing::HasSubstr;

Diagnosis root_cause(const CheckCase& subject) {
  const Decision decision = subject.decide();
  EXPECT_EQ(decision.report.verdict, Verdict::kRefused);
  return decision.report.diagnosis.empty() ? Diagnosis{} : decision.report.diagnosis[0];
}

/// Every refusing finding is folded under exactly one cause.
void expect_all_explained(const LoadReport& report) {
  std::vector<std::size_t> explained;
  for (const Diagnosis& diagnosis : report.diagnosis) {
    EXPECT_FALSE(diagnosis.explains.empty()) << diagnosis.id;
    explained.insert(explained.end(), diagnosis.explains.begin(), diagnosis.explains.end());
  }
  std::sort(explained.begin(), explained.end());
  std::vector<std::size_t> refusing;
  for (std::size_t i = 0; i < report.findings.size(); ++i) {
    if (report.findings[i].severity == Severity::kError) refusing.push_back(i);
  }
  EXPECT_EQ(explained, refusing);
}

CheckCase asking(CheckCase subject, const char* key, Value value) {
  subject.request.asked.set(key, std::move(value), ConfigOrigin::kSet);
  return subject;
}

std::vector<Named> seven_classes() {
  return with_shape(with_shape(small_vit(), "head.weight", {7, 32}), "head.bias", {7});
}

TEST(Diagnose, AnAcceptedLoadHasNoCause) {
  EXPECT_TRUE(CheckCase(small_vit(), small_vit()).decide().report.diagnosis.empty());
}

TEST(Diagnose, AnotherFamilyExplainsEverythingElse) {
  CheckCase subject({{"a", {1}}}, small_vit());
  subject.request.family = "clip";
  subject.part().evidence = {{"vit", "has blocks.{i}.attn.qkv.weight"}};
  subject.part().prefix = "state_dict.module.";
  const Decision decision = subject.decide();
  ASSERT_EQ(decision.report.diagnosis.size(), 1u);
  const Diagnosis& cause = decision.report.diagnosis[0];
  EXPECT_EQ(cause.id, "TN-D-FAMILY");
  EXPECT_THAT(cause.cause, testing::AllOf(HasSubstr("vit/custom"), HasSubstr("state_dict.module."),
                                          HasSubstr("has blocks"), HasSubstr("clip")));
  EXPECT_EQ(cause.remedy, "tenon check model.safetensors --as vit");
  expect_all_explained(decision.report);
}

TEST(Diagnose, AnotherFamilyLeavesALostTensorItsOwnCause) {
  auto file = small_vit();
  std::erase_if(file, [](const Named& tensor) { return tensor.name == "blocks.1.attn.qkv.bias"; });
  CheckCase subject(file, small_vit());
  subject.request.family = "clip";
  const Decision decision = subject.decide();
  ASSERT_EQ(decision.report.diagnosis.size(), 2u);
  EXPECT_EQ(decision.report.diagnosis[0].id, "TN-D-FAMILY");
  EXPECT_EQ(decision.report.diagnosis[1].id, "TN-D-MISSING");
  expect_all_explained(decision.report);
}

TEST(Diagnose, AnotherVariantNamesWhatDecides) {
  CheckCase subject(small_vit(), small_vit());
  subject.part().variant = "v2";
  subject.part().evidence = {{"vit/v2", "has the second tower"}};
  subject.request.family = "vit";
  subject.request.variant = "v1";
  const Diagnosis cause = root_cause(subject);
  EXPECT_EQ(cause.id, "TN-D-VARIANT");
  EXPECT_THAT(cause.cause, testing::AllOf(HasSubstr("vit/v2"), HasSubstr("has the second tower"),
                                          HasSubstr("vit/v1")));
  EXPECT_EQ(cause.remedy, "tenon check model.safetensors --as vit/v2");
}

TEST(Diagnose, AHeadForOtherClassesIsSaidWithBothNumbers) {
  const CheckCase subject = asking(CheckCase(seven_classes(), small_vit()), "num_classes", 10);
  const Decision decision = subject.decide();
  ASSERT_EQ(decision.report.diagnosis.size(), 1u);
  const Diagnosis& cause = decision.report.diagnosis[0];
  EXPECT_EQ(cause.id, "TN-D-HEAD");
  EXPECT_THAT(cause.cause, testing::AllOf(HasSubstr("7 classes"), HasSubstr("num_classes=10")));
  EXPECT_EQ(cause.remedy, "tenon check model.safetensors --policy lenient --set num_classes=10");
  expect_all_explained(decision.report);
}

TEST(Diagnose, AnotherResolutionIsSaidWithBothGrids) {
  const CheckCase subject = asking(
      CheckCase(with_shape(small_vit(), "pos_embed", {1, 50, 32}), small_vit()), "img_size", 16);
  const Diagnosis cause = root_cause(subject);
  EXPECT_EQ(cause.id, "TN-D-RESOLUTION");
  EXPECT_THAT(cause.cause,
              testing::AllOf(HasSubstr("7x7"), HasSubstr("4x4"), HasSubstr("img_size=16")));
}

TEST(Diagnose, OtherInputChannelsAreSaidWithBothNumbers) {
  const CheckCase subject = asking(
      CheckCase(with_shape(small_vit(), "patch_embed.proj.weight", {32, 9, 4, 4}), small_vit()),
      "in_chans", 3);
  const Diagnosis cause = root_cause(subject);
  EXPECT_EQ(cause.id, "TN-D-CHANNELS");
  EXPECT_THAT(cause.cause,
              testing::AllOf(HasSubstr("9 input channels"), HasSubstr("3 in the model")));
  EXPECT_EQ(cause.remedy, "tenon check model.safetensors --set in_chans=9");
}

TEST(Diagnose, AContradictedConfigExplainsTheTensorsThatFollow) {
  CheckCase subject(
      without(without(small_vit(), "blocks.1.attn.qkv.weight"), "blocks.1.attn.qkv.bias"),
      small_vit());
  Finding contradiction;
  contradiction.id = "TN-CONFIG-CONTRADICTS";
  contradiction.kind = FindingKind::kConfig;
  contradiction.target = "depth";
  contradiction.message = "vit depth: --set says 2, the shapes say 1";
  subject.part().findings = {contradiction};
  const Decision decision = subject.decide();
  ASSERT_EQ(decision.report.diagnosis.size(), 1u);
  EXPECT_EQ(decision.report.diagnosis[0].id, "TN-D-CONFIG");
  EXPECT_THAT(decision.report.diagnosis[0].cause, HasSubstr("depth"));
  expect_all_explained(decision.report);
}

TEST(Diagnose, BlocksThatTheFileDoesNotReachAreCounted) {
  const CheckCase subject(
      without(without(small_vit(), "blocks.1.attn.qkv.weight"), "blocks.1.attn.qkv.bias"),
      small_vit());
  const Diagnosis cause = root_cause(subject);
  EXPECT_EQ(cause.id, "TN-D-DEPTH");
  EXPECT_THAT(cause.cause, HasSubstr("1 of 2 blocks"));
}

TEST(Diagnose, ARenamedTensorIsNamedOnBothSides) {
  const CheckCase subject(with(without(small_vit(), "head.weight"), {"hed.weight", {10, 32}}),
                          small_vit());
  const Decision decision = subject.decide();
  ASSERT_EQ(decision.report.diagnosis.size(), 1u);
  EXPECT_EQ(decision.report.diagnosis[0].id, "TN-D-RENAMED");
  EXPECT_THAT(decision.report.diagnosis[0].cause,
              testing::AllOf(HasSubstr("\"hed.weight\""), HasSubstr("\"head.weight\"")));
  EXPECT_EQ(decision.report.diagnosis[0].explains.size(), 2u);
}

TEST(Diagnose, HardlyAnythingThereIsNeverAListOfNames) {
  std::vector<Named> file;
  for (int i = 0; i < 500; ++i) file.push_back({"other." + std::to_string(i), {3}});
  const Decision decision = CheckCase(file, small_vit()).decide();
  ASSERT_EQ(decision.report.diagnosis.size(), 1u);
  EXPECT_EQ(decision.report.diagnosis[0].id, "TN-D-COVERAGE");
  EXPECT_THAT(decision.report.diagnosis[0].cause, HasSubstr("0 of the 10"));
  expect_all_explained(decision.report);
}

TEST(Diagnose, AWholePartThatIsAbsentIsOneCause) {
  std::vector<Named> model;
  std::vector<Named> file;
  for (int i = 0; i < 12; ++i) {
    model.push_back({"visual.layer" + std::to_string(i), {9}});
    model.push_back({"text.layer" + std::to_string(i), {8}});
    file.push_back({"visual.layer" + std::to_string(i), {9}});
  }
  const Diagnosis cause = root_cause(CheckCase(file, model));
  EXPECT_EQ(cause.id, "TN-D-GROUP");
  EXPECT_THAT(cause.cause, testing::AllOf(HasSubstr("12 tensors"), HasSubstr("text.**")));
}

TEST(Diagnose, SingleTensorsMissingAreNamed) {
  const Diagnosis cause =
      root_cause(CheckCase(without(small_vit(), "patch_embed.proj.bias"), small_vit()));
  EXPECT_EQ(cause.id, "TN-D-MISSING");
  EXPECT_THAT(cause.cause, HasSubstr("\"patch_embed.proj.bias\""));
}

TEST(Diagnose, SurplusTensorsAreNamedAndLenientDropsThem) {
  CheckCase subject(with(small_vit(), {"extra", {3}}), small_vit());
  const Diagnosis cause = root_cause(subject);
  EXPECT_EQ(cause.id, "TN-D-UNEXPECTED");
  EXPECT_EQ(cause.remedy, "tenon check model.safetensors --policy lenient");
  subject.policy = policy_preset("lenient").value();
  EXPECT_NE(subject.decide().report.verdict, Verdict::kRefused);
}

TEST(Diagnose, OtherShapesWithoutAReasonAreSaidAsTheyAre) {
  const Diagnosis cause = root_cause(
      CheckCase(with_shape(small_vit(), "blocks.0.attn.qkv.weight", {96, 16}), small_vit()));
  EXPECT_EQ(cause.id, "TN-D-SHAPE");
  EXPECT_THAT(cause.cause, testing::AllOf(HasSubstr("[96, 16]"), HasSubstr("[96, 32]")));
}

TEST(Diagnose, AnotherKindOfNumbersIsSaid) {
  const CheckCase subject({{"steps", {1}}, {"w", {9}}}, {{"steps", {1}, DType::kI64}, {"w", {9}}});
  const Diagnosis cause = root_cause(subject);
  EXPECT_EQ(cause.id, "TN-D-DTYPE");
  EXPECT_THAT(cause.cause, testing::AllOf(HasSubstr("F32"), HasSubstr("I64")));
}

TEST(Diagnose, TwoTensorsForOneAreSaid) {
  CheckCase subject({{"a", {4}}, {"b", {4}}, {"w", {90}}}, {{"a", {4}}, {"w", {90}}});
  subject.mapped.problems.push_back({"a", {0, 1}, "\"a\" and \"b\" both give it", true});
  const Diagnosis cause = root_cause(subject);
  EXPECT_EQ(cause.id, "TN-D-DUPLICATE");
  EXPECT_EQ(test::with_id(subject.decide().report, "TN-DUPLICATE").size(), 1u);
}

TEST(Diagnose, SourcesThatDoNotFitTogetherAreAFinding) {
  CheckCase subject({{"q", {4}}, {"w", {90}}}, {{"qkv", {12}}, {"w", {90}}});
  subject.mapped.tensors.erase(subject.mapped.tensors.begin());
  subject.mapped.problems.push_back({"qkv", {0}, "one of its three sources is there", false});
  EXPECT_EQ(test::with_id(subject.decide().report, "TN-SOURCES").size(), 1u);
  expect_all_explained(subject.decide().report);
}

TEST(Diagnose, WhatThePolicyExpectsIsACause) {
  CheckCase subject(small_vit(), small_vit());
  subject.policy.expect.family = "clip";
  EXPECT_EQ(root_cause(subject).id, "TN-D-EXPECT");
}

TEST(Diagnose, AFindingWithoutARuleSpeaksForItself) {
  CheckCase subject(small_vit(), small_vit());
  Finding strange;
  strange.id = "TN-STRANGE";
  strange.kind = FindingKind::kContainer;
  strange.message = "something else";
  subject.part().findings = {strange};
  const Diagnosis cause = root_cause(subject);
  EXPECT_EQ(cause.id, "TN-D-OTHER");
  EXPECT_EQ(cause.cause, "something else");
}

TEST(Diagnose, SeveralFaultsAreAllToldAtOnceEachFindingOnce) {
  CheckCase subject(
      with(without(without(seven_classes(), "blocks.1.attn.qkv.weight"), "blocks.1.attn.qkv.bias"),
           {"extra", {3}}),
      small_vit());
  const Decision decision = asking(subject, "num_classes", 10).decide();
  std::vector<std::string> ids;
  for (const Diagnosis& diagnosis : decision.report.diagnosis) ids.push_back(diagnosis.id);
  EXPECT_THAT(ids, testing::UnorderedElementsAre("TN-D-HEAD", "TN-D-DEPTH", "TN-D-UNEXPECTED"));
  expect_all_explained(decision.report);
}

TEST(Diagnose, TheAnswerDoesNotDependOnAnyOrder) {
  CheckCase subject(
      with(with(without(seven_classes(), "blocks.1.attn.qkv.bias"), {"extra", {3}}), {"more", {4}}),
      small_vit());
  subject = asking(subject, "num_classes", 10);
  const LoadReport wanted = subject.decide().report;
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    std::shuffle(subject.mapped.tensors.begin(), subject.mapped.tensors.end(), random);
    std::shuffle(subject.part().tensors.begin(), subject.part().tensors.end(), random);
    const LoadReport report = subject.decide().report;
    ASSERT_EQ(report.diagnosis.size(), wanted.diagnosis.size());
    for (std::size_t i = 0; i < report.diagnosis.size(); ++i) {
      EXPECT_EQ(report.diagnosis[i].cause, wanted.diagnosis[i].cause);
      EXPECT_EQ(report.diagnosis[i].explains, wanted.diagnosis[i].explains);
    }
  }
}

TEST(DiagnoseIdentity, AnUnknownFileNamesTheNearestList) {
  CheckCase subject({{"foo.weight", {4, 4}}}, {});
  subject.identity.status = IdentityStatus::kUnknown;
  subject.part() = Part{};
  subject.part().nearest = "vit (timm): 3 of 152 names";
  const auto causes = diagnose_identity(subject.checkpoint, subject.identity);
  ASSERT_EQ(causes.size(), 1u);
  EXPECT_EQ(causes[0].id, "TN-D-UNKNOWN");
  EXPECT_THAT(causes[0].cause, testing::AllOf(HasSubstr("1 tensor"), HasSubstr("vit (timm)")));
  EXPECT_EQ(causes[0].remedy, "tenon ls model.safetensors");
  const LoadReport report = refuse_identity(subject.checkpoint, subject.identity, nullptr, {});
  EXPECT_EQ(test::with_id(report, "TN-IDENTITY-UNKNOWN").size(), 1u);
}

TEST(DiagnoseIdentity, AnAmbiguousFileListsTheCandidates) {
  CheckCase subject({{"w", {4, 4}}}, {});
  subject.identity.status = IdentityStatus::kAmbiguous;
  subject.part().family.clear();
  subject.part().evidence = {{"vit (timm)", "x"}, {"clip (openai)", "y"}};
  const LoadReport report = refuse_identity(subject.checkpoint, subject.identity, nullptr, {});
  EXPECT_EQ(test::with_id(report, "TN-IDENTITY-AMBIGUOUS").size(), 1u);
  EXPECT_EQ(report.diagnosis.at(0).id, "TN-D-AMBIGUOUS");
  EXPECT_THAT(report.diagnosis.at(0).cause, HasSubstr("clip (openai), vit (timm)"));
}

TEST(DiagnoseIdentity, APartWithoutAModelSaysWhatItIsAndWhatToDo) {
  CheckCase subject({{"w", {4, 4}}}, {});
  subject.part().family = "lora";
  subject.part().variant.clear();
  subject.part().buildable = false;
  subject.part().declined = "Give it to a base model with --with lora=FILE.";
  const LoadReport report =
      refuse_identity(subject.checkpoint, subject.identity, &subject.part(), {});
  EXPECT_EQ(test::with_id(report, "TN-NOT-BUILT").size(), 1u);
  EXPECT_EQ(report.diagnosis.at(0).id, "TN-D-NOT-BUILT");
  EXPECT_EQ(report.diagnosis.at(0).remedy, subject.part().declined);
}

TEST(DiagnoseIdentity, TensorsThatMakeUpNoModelAreSaidToBeIncomplete) {
  CheckCase subject({{"w", {4, 4}}}, {});
  subject.part().findings.push_back(
      general_finding("TN-CONFIG-IMPOSSIBLE", FindingKind::kConfig, Severity::kError, "embed_dim 0: must be positive"));
  const LoadReport report = refuse_identity(subject.checkpoint, subject.identity, &subject.part(), {});
  ASSERT_FALSE(report.diagnosis.empty());
  EXPECT_EQ(report.diagnosis[0].id, "TN-D-INCOMPLETE");
  EXPECT_THAT(report.diagnosis[0].cause, HasSubstr("embed_dim 0"));
}

TEST(DiagnoseIdentity, TheWrongSlotIsTheCauseEvenWhereThereIsNoModel) {
  CheckCase subject({{"w", {4, 4}}}, {});
  subject.part().family = "lora";
  subject.part().variant.clear();
  subject.part().buildable = false;
  CheckRequest request;
  request.family = "unet";
  const LoadReport report =
      refuse_identity(subject.checkpoint, subject.identity, &subject.part(), request);
  ASSERT_EQ(report.diagnosis.size(), 1u);
  EXPECT_EQ(report.diagnosis[0].id, "TN-D-FAMILY");
  EXPECT_THAT(report.diagnosis[0].cause, testing::AllOf(HasSubstr("lora"), HasSubstr("unet")));
}

TEST(Words, ACommandNamesThePartOnlyWhereThereAreSeveral) {
  CheckCase subject(small_vit(), small_vit());
  const std::vector<Finding> none;
  EXPECT_EQ(command({subject.checkpoint, subject.identity, subject.request, none, Severity::kError,
                     &subject.part()},
                    "check"),
            "tenon check model.safetensors");
  subject.identity.parts.push_back(subject.part());
  EXPECT_EQ(command({subject.checkpoint, subject.identity, subject.request, none, Severity::kError,
                     &subject.part()},
                    "check"),
            "tenon check model.safetensors::model");
}

TEST(Words, PathsAreQuotedForAShell) {
  EXPECT_EQ(shell_quoted("a b"), "'a b'");
  EXPECT_EQ(shell_quoted("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quoted("/a/b-1.bin"), "/a/b-1.bin");
  EXPECT_EQ(shell_quoted("$(x)"), "'$(x)'");
}

}  // namespace
}  // namespace tenon
