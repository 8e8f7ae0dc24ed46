#include "runtime/io/natural_order.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace tenon {
namespace {

TEST(NaturalOrder, TwoComesBeforeTen) { EXPECT_TRUE(natural_less("blocks.2.w", "blocks.10.w")); }

TEST(NaturalOrder, SortsMixedNamesAsPeopleDo) {
  std::vector<std::string> names = {"b10", "b9.z", "b9.a", "a", "b", "b09"};
  std::sort(names.begin(), names.end(), natural_less);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "b09", "b9.a", "b9.z", "b10"}));
}

TEST(NaturalOrder, NumbersOfAnyLengthCompareByValue) {
  const std::string large(40, '9');
  EXPECT_TRUE(natural_less("x8", "x" + large));
  EXPECT_FALSE(natural_less("x" + large, "x8"));
}

TEST(NaturalOrder, DifferentBytesAreNeverEqual) {
  EXPECT_NE(natural_less("a01", "a1"), natural_less("a1", "a01"));
  EXPECT_FALSE(natural_less("a1", "a1"));
}

TEST(NaturalOrder, BytesAboveAsciiComeLast) { EXPECT_TRUE(natural_less("z", "\xc3\xa9")); }

}  // namespace
}  // namespace tenon
