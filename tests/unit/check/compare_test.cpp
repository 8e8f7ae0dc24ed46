#include "runtime/check/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/check_case.h"

namespace tenon {
namespace {

using test::CheckCase;
using test::small_vit;
using test::with;
using test::with_shape;
using test::without;

Comparison compared(const CheckCase& subject) {
  return compare(subject.checkpoint, subject.identity.parts[0], subject.model, subject.mapped);
}

void expect_balanced(const CheckCase& subject) {
  const Counts counts = compared(subject).counts;
  EXPECT_EQ(counts.expected, counts.matched + counts.derived + counts.missing + counts.mismatched);
  EXPECT_EQ(counts.found, subject.identity.parts[0].tensors.size());
}

TEST(Compare, EqualListsMatchWhole) {
  const CheckCase subject(small_vit(), small_vit());
  const Comparison result = compared(subject);
  EXPECT_EQ(result.counts.matched, small_vit().size());
  EXPECT_EQ(result.counts.missing + result.counts.unexpected + result.counts.mismatched, 0u);
  expect_balanced(subject);
}

TEST(Compare, AnAbsentTensorIsMissing) {
  const CheckCase subject(without(small_vit(), "head.bias"), small_vit());
  EXPECT_EQ(compared(subject).counts.missing, 1u);
  expect_balanced(subject);
}

TEST(Compare, ATensorWithoutAPlaceIsUnexpectedAndKeepsItsOwnName) {
  const CheckCase subject(with(small_vit(), {"fc_norm.weight", {32}}), small_vit());
  const Comparison result = compared(subject);
  ASSERT_EQ(result.unexpected.size(), 1u);
  EXPECT_EQ(subject.checkpoint.tensors[result.unexpected[0].tensor].name, "fc_norm.weight");
  EXPECT_EQ(result.unexpected[0].target, "fc_norm.weight");
  expect_balanced(subject);
}

TEST(Compare, AnUnexpectedNameThatExtendsAValidOneIsUnexpected) {
  const CheckCase subject(with(small_vit(), {"head.weight.extra", {32}}), small_vit());
  EXPECT_EQ(compared(subject).counts.unexpected, 1u);
}

TEST(Compare, AnotherShapeIsAMismatchWhoseSourceIsUsed) {
  const CheckCase subject(with_shape(small_vit(), "head.weight", {7, 32}), small_vit());
  const Comparison result = compared(subject);
  EXPECT_EQ(result.counts.mismatched, 1u);
  EXPECT_EQ(result.counts.unexpected, 0u);
  expect_balanced(subject);
}

TEST(Compare, FloatsOfAnyWidthFitAFloatParameter) {
  for (const DType dtype : {DType::kF16, DType::kBF16, DType::kF64, DType::kF8E4M3}) {
    const CheckCase subject({{"w", {2}, dtype}}, {{"w", {2}}});
    EXPECT_EQ(compared(subject).counts.matched, 1u) << dtype_name(dtype);
  }
}

TEST(Compare, AnotherKindOfNumbersDoesNotFit) {
  const CheckCase subject({{"steps", {1}, DType::kF32}}, {{"steps", {1}, DType::kI64}});
  EXPECT_EQ(compared(subject).expected[0].state, TensorState::kDtype);
  expect_balanced(subject);
}

TEST(Compare, ADerivedTensorCountsOnBothSidesOnce) {
  const CheckCase subject(with(small_vit(), {"harmless.position_ids", {1, 17}, DType::kI64}),
                          small_vit());
  const Counts counts = compared(subject).counts;
  EXPECT_EQ(counts.derived, 1u);
  EXPECT_EQ(counts.ignored, 1u);
  expect_balanced(subject);
}

TEST(Compare, TiedNamesAreOneExpectedTensorWhoseSourcesMustAgree) {
  CheckCase subject({{"embed.weight", {4, 2}}, {"head.weight", {4, 2}}},
                    {{"embed.weight", {4, 2}}});
  subject.model.tensors[0].aliases = {"head.weight"};
  const Comparison result = compared(subject);
  EXPECT_EQ(result.counts.matched, 1u);
  EXPECT_EQ(result.counts.unexpected, 0u);
  ASSERT_EQ(result.pending.size(), 1u);
  EXPECT_EQ(result.pending[0].kind, ValueCondition::Kind::kEqualsTwin);
  expect_balanced(subject);
}

TEST(Compare, ATiedTensorMayBeStoredUnderItsOtherName) {
  CheckCase subject({{"head.weight", {4, 2}}}, {{"embed.weight", {4, 2}}});
  subject.model.tensors[0].aliases = {"head.weight"};
  EXPECT_EQ(compared(subject).counts.matched, 1u);
}

TEST(Compare, TiedNamesThatShareTheirBytesNeedNoCondition) {
  CheckCase subject({{"embed.weight", {4, 2}}, {"head.weight", {4, 2}}},
                    {{"embed.weight", {4, 2}}});
  subject.model.tensors[0].aliases = {"head.weight"};
  for (TensorEntry& entry : subject.checkpoint.tensors) entry.storage = 0;
  EXPECT_TRUE(compared(subject).pending.empty());
}

TEST(Compare, AMappingProblemIsAMismatchAndNotMissing) {
  CheckCase subject({{"q", {2}}}, {{"qkv", {6}}});
  subject.mapped.tensors.clear();
  subject.mapped.problems.push_back({"qkv", {0}, "one of three sources", false});
  const Counts counts = compared(subject).counts;
  EXPECT_EQ(counts.mismatched, 1u);
  EXPECT_EQ(counts.missing, 0u);
  EXPECT_EQ(counts.unexpected, 0u);
  expect_balanced(subject);
}

TEST(Compare, ARenamedTensorIsSuggestedFromBothSides) {
  const CheckCase subject(with(without(small_vit(), "head.weight"), {"hed.weight", {10, 32}}),
                          small_vit());
  const Comparison result = compared(subject);
  EXPECT_EQ(result.unexpected.at(0).did_you_mean, "head.weight");
  EXPECT_EQ(result.expected.at(8).did_you_mean, "hed.weight");
}

TEST(Compare, ASuggestionLooksBehindThePrefixAndGivesTheNameOfTheFile) {
  CheckCase subject({{"module.hed.weight", {10, 32}}}, {{"head.weight", {10, 32}}});
  subject.part().prefix = "module.";
  subject.mapped.tensors.clear();
  subject.mapped.unexpected = {0};
  EXPECT_EQ(compared(subject).expected.at(0).did_you_mean, "module.hed.weight");
}

TEST(Compare, ListsOfUnexpectedTensorsAreInNaturalOrder) {
  const CheckCase subject({{"x.10", {1}}, {"x.2", {1}}}, {});
  const Comparison result = compared(subject);
  EXPECT_EQ(subject.checkpoint.tensors[result.unexpected.at(0).tensor].name, "x.2");
}

}  // namespace
}  // namespace tenon
