#include "runtime/check/similar_names.h"

#include <gtest/gtest.h>

namespace tenon {
namespace {

TEST(EditDistance, CountsSingleLetterChanges) {
  EXPECT_EQ(edit_distance("kitten", "sitting", 10), 3u);
  EXPECT_EQ(edit_distance("", "abc", 10), 3u);
  EXPECT_EQ(edit_distance("same", "same", 10), 0u);
}

TEST(EditDistance, StopsBehindTheLimit) { EXPECT_EQ(edit_distance("aaaaaaaa", "bbbbbbbb", 2), 3u); }

TEST(SimilarNames, PairsANearNameOfTheSameShape) {
  const auto partners = pair_similar({{"head.weight", {10, 32}}}, {{"hed.weight", {10, 32}}});
  ASSERT_TRUE(partners[0]);
  EXPECT_EQ(*partners[0], 0u);
}

TEST(SimilarNames, AnotherShapeIsNoPartner) {
  EXPECT_FALSE(pair_similar({{"head.weight", {10, 32}}}, {{"hed.weight", {10, 31}}})[0]);
}

TEST(SimilarNames, AnotherIndexIsNoPartner) {
  EXPECT_FALSE(pair_similar({{"blocks.1.norm.weight", {32}}}, {{"blocks.2.norm.weight", {32}}})[0]);
}

TEST(SimilarNames, AnotherNamingIsNoPartner) {
  EXPECT_FALSE(pair_similar({{"norm.weight", {32}}}, {{"encoder.something.else", {32}}})[0]);
}

TEST(SimilarNames, TheNearestOfSeveralIsTaken) {
  const auto partners =
      pair_similar({{"norm1.weight", {32}}}, {{"nxrx1.weight", {32}}, {"nrm1.weight", {32}}});
  ASSERT_TRUE(partners[0]);
  EXPECT_EQ(*partners[0], 1u);
}

TEST(SimilarNames, AnotherFrameworksWordForAParameterIsTheNearest) {
  const auto partners = pair_similar({{"norm1.bias", {32}}, {"norm1.weight", {32}}},
                                     {{"norm1.beta", {32}}, {"norm1.gamma", {32}}});
  EXPECT_EQ(partners, (std::vector<std::optional<std::size_t>>{0, 1}));
}

TEST(SimilarNames, NoNameIsPromisedTwice) {
  const auto partners =
      pair_similar({{"norm1.weight", {32}}, {"norm2.weight", {32}}}, {{"norm2_.weight", {32}}});
  EXPECT_FALSE(partners[0]);
  EXPECT_TRUE(partners[1]);
}

TEST(SimilarNames, ManyNamesOfOneShapeEndInBoundedTime) {
  std::vector<NamedShape> left;
  std::vector<NamedShape> right;
  for (int i = 0; i < 3000; ++i) {
    left.push_back({"left_" + std::to_string(i), {1}});
    right.push_back({"right_" + std::to_string(i), {1}});
  }
  EXPECT_EQ(pair_similar(left, right).size(), left.size());
}

}  // namespace
}  // namespace tenon
