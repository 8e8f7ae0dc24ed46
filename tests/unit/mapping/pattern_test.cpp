#include "runtime/mapping/pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tenon {
namespace {

Pattern row(std::string_view text, const SegmentSets& sets = {}) {
  auto pattern = Pattern::parse(text, PatternUse::kRow, sets);
  EXPECT_TRUE(pattern) << (pattern ? "" : pattern.error());
  return pattern.value_or(Pattern{});
}

bool selects(std::string_view pattern, std::string_view name) {
  auto parsed = SelectPattern::parse(pattern);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error());
  return parsed && parsed->matches(name);
}

std::string pattern_refusal(std::string_view text, PatternUse use) {
  auto pattern = Pattern::parse(text, use);
  return pattern ? "accepted" : pattern.error();
}

TEST(Pattern, MatchesWholeNamesOnly) {
  EXPECT_TRUE(row("blocks.{i}.norm1.weight").matches("blocks.11.norm1.weight"));
  EXPECT_FALSE(row("blocks.{i}.norm1.weight").matches("blocks.11.norm1.weight.x"));
  EXPECT_FALSE(row("blocks.{i}.norm1.weight").matches("x.blocks.11.norm1.weight"));
  EXPECT_FALSE(row("blocks.{i}.norm1.weight").matches("blocks.11.norm1"));
  EXPECT_FALSE(row("norm.weight").matches("norm_weight"));
}

TEST(Pattern, TakesCanonicalDecimalsOnlyAsIndices) {
  EXPECT_TRUE(row("a.{i}").matches("a.0"));
  EXPECT_TRUE(row("a.{i}").matches("a.999999999999999999"));
  for (const char* name : {"a.00", "a.01", "a.-1", "a.+1", "a.1e3", "a.", "a.x", "a.1234567890123456789"}) {
    EXPECT_FALSE(row("a.{i}").matches(name)) << name;
  }
}

TEST(Pattern, TakesOnlySegmentsOfAClosedSet) {
  const SegmentSets sets = {{"wb", {"weight", "bias"}}};
  EXPECT_TRUE(row("a.{wb}", sets).matches("a.bias"));
  EXPECT_FALSE(row("a.{wb}", sets).matches("a.gamma"));
}

TEST(Pattern, RefusesAnUnknownSet) {
  EXPECT_THAT(pattern_refusal("a.{wb}", PatternUse::kRow), ::testing::HasSubstr("no set is named \"wb\""));
}

TEST(Pattern, RefusesEmptySegmentsAndHalfCaptures) {
  EXPECT_NE(pattern_refusal("a..b", PatternUse::kRow), "accepted");
  EXPECT_NE(pattern_refusal("", PatternUse::kRow), "accepted");
  EXPECT_NE(pattern_refusal("a{i}.b", PatternUse::kRow), "accepted");
  EXPECT_NE(pattern_refusal("${root}a", PatternUse::kRow), "accepted");
  EXPECT_EQ(pattern_refusal("a.b", PatternUse::kRow), "accepted");
}

TEST(Pattern, KeepsWildcardsOutOfRows) {
  EXPECT_NE(pattern_refusal("a.**", PatternUse::kRow), "accepted");
  EXPECT_EQ(pattern_refusal("a.**", PatternUse::kHarmless), "accepted");
  EXPECT_NE(pattern_refusal("**.a", PatternUse::kHarmless), "accepted");
  EXPECT_EQ(pattern_refusal("**.a", PatternUse::kSelect), "accepted");
  EXPECT_NE(pattern_refusal("a.**.b", PatternUse::kSelect), "accepted");
  EXPECT_NE(pattern_refusal("a*.b", PatternUse::kRow), "accepted");
}

TEST(SelectPattern, LastRestNeedsAtLeastOneSegment) {
  EXPECT_TRUE(selects("head.**", "head.weight"));
  EXPECT_TRUE(selects("head.**", "head.fc.weight"));
  EXPECT_FALSE(selects("head.**", "head"));
  EXPECT_FALSE(selects("head.**", "head_dist.weight"));
  EXPECT_TRUE(selects("**", "anything.at.all"));
}

TEST(SelectPattern, LeadingRestTakesAnyNumberOfSegments) {
  EXPECT_TRUE(selects("**.position_ids", "position_ids"));
  EXPECT_TRUE(selects("**.position_ids", "text_model.embeddings.position_ids"));
  EXPECT_FALSE(selects("**.position_ids", "text_model.my_position_ids"));
  EXPECT_TRUE(selects("**.norm*.**", "blocks.0.norm1.weight"));
  EXPECT_FALSE(selects("**.norm*.**", "blocks.0.prenorm.weight"));
}

TEST(SelectPattern, StarStaysWithinASegment) {
  EXPECT_TRUE(selects("lora_unet_*.alpha", "lora_unet_down_blocks_0.alpha"));
  EXPECT_FALSE(selects("lora_*.alpha", "lora_a.b.alpha"));
  EXPECT_TRUE(selects("a*b*c", "axxbyybc"));
  EXPECT_FALSE(selects("a*b*c", "axxbyyb"));
}

TEST(Pattern, IntersectsWhereOneNameMatchesBoth) {
  const SegmentSets sets = {{"wb", {"weight", "bias"}}, {"bg", {"bias", "gamma"}}, {"xy", {"x", "y"}}};
  EXPECT_TRUE(row("a.{i}.b").intersects(row("a.{j}.b")));
  EXPECT_TRUE(row("a.{i}.b").intersects(row("a.0.b")));
  EXPECT_FALSE(row("a.{i}.b").intersects(row("a.x.b")));
  EXPECT_TRUE(row("a.{wb}", sets).intersects(row("a.{bg}", sets)));
  EXPECT_FALSE(row("a.{wb}", sets).intersects(row("a.{xy}", sets)));
  EXPECT_FALSE(row("a.{i}.b").intersects(row("a.{i}.b.c")));
  EXPECT_FALSE(row("a.{i}").intersects(row("a.{wb}", sets)));
}

TEST(Pattern, RestIntersectsEverythingBehindItsHead) {
  const auto rest = Pattern::parse("a.**", PatternUse::kHarmless);
  ASSERT_TRUE(rest);
  EXPECT_TRUE(rest->intersects(row("a.b.c")));
  EXPECT_FALSE(rest->intersects(row("b.b.c")));
  EXPECT_FALSE(rest->intersects(row("a")));
}

TEST(Pattern, KnowsItsLiteralHead) {
  EXPECT_EQ(row("blocks.{i}.norm1.weight").literal_head(), "blocks.");
  EXPECT_EQ(row("norm.weight").literal_head(), "norm.weight");
  EXPECT_EQ(row("{i}.a").literal_head(), "");
}

}  // namespace
}  // namespace tenon
