#include <tenon/value.h>

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace tenon {
namespace {

TEST(Value, PrintsJson) {
  const Value list(Value::List{1, 2.5, "a\"\n", true, Value()});
  EXPECT_EQ(to_string(list), R"([1, 2.5, "a\"\n", true, null])");
}

TEST(Value, PrintsIntegralDoublesAsDoubles) {
  EXPECT_EQ(to_string(Value(1.0)), "1.0");
  EXPECT_EQ(to_string(Value(1e-6)), "1e-06");
}

TEST(Value, PrintsNumbersThatJsonLacksAsNull) {
  EXPECT_EQ(to_string(Value(std::nan(""))), "null");
  EXPECT_EQ(to_string(Value(std::numeric_limits<double>::infinity())), "null");
}

TEST(Value, ComparesNumbersAcrossTypes) {
  EXPECT_EQ(Value(16), Value(16.0));
  EXPECT_FALSE(Value(16) == Value(16.5));
  EXPECT_FALSE(Value(1) == Value(true));
  EXPECT_FALSE(Value(1) == Value("1"));
  EXPECT_EQ(Value(Value::List{14, 14.0}), Value(Value::List{14.0, 14}));
}

TEST(Value, ComparesLargeIntegersExactly) {
  EXPECT_FALSE(Value(std::int64_t{9007199254740993}) == Value(9007199254740992.0));
}

TEST(Value, TakesIntegralDoublesAsIntegersOnlyInRange) {
  EXPECT_EQ(Value(224.0).as_int(), 224);
  EXPECT_EQ(Value(224.5).as_int(), std::nullopt);
  EXPECT_EQ(Value(1e19).as_int(), std::nullopt);
}

TEST(ParseValue, ReadsScalars) {
  EXPECT_TRUE(parse_value("null").is_null());
  EXPECT_EQ(parse_value("true"), Value(true));
  EXPECT_EQ(parse_value("-7"), Value(-7));
  EXPECT_EQ(parse_value("1e-6").as_double(), 1e-6);
}

TEST(ParseValue, ReadsJsonLists) {
  EXPECT_EQ(parse_value("[224, 2.0, \"a\", [null]]"), Value(Value::List{224, 2.0, "a", Value::List{Value()}}));
  EXPECT_EQ(parse_value("[]"), Value(Value::List{}));
}

TEST(ParseValue, TakesEverythingElseAsText) {
  for (const char* text : {"gelu", "01", "+1", "nan", "inf", "[1", "[1] x", "[1][2]", "[{}]", "0x10", "-", ""}) {
    EXPECT_EQ(parse_value(text), Value(text)) << text;
  }
}

TEST(Config, KeepsTheOrderAndReplacesInPlace) {
  Config config;
  config.set("depth", 12, ConfigOrigin::kShapes);
  config.set("act", "gelu");
  config.set("depth", 24, ConfigOrigin::kSet);
  ASSERT_EQ(config.items().size(), 2u);
  EXPECT_EQ(config.items()[0].key, "depth");
  EXPECT_EQ(config.items()[0].value, Value(24));
  EXPECT_EQ(config.items()[0].origin, ConfigOrigin::kSet);
}

TEST(Config, GivesTheFallbackForMissingKeysAndOtherTypes) {
  Config config;
  config.set("depth", 12);
  config.set("act", "gelu");
  EXPECT_EQ(config.int_or("depth", 1), 12);
  EXPECT_EQ(config.int_or("act", 1), 1);
  EXPECT_EQ(config.string_or("act", ""), "gelu");
  EXPECT_EQ(config.string_or("depth", "none"), "none");
  EXPECT_DOUBLE_EQ(config.double_or("depth", 0), 12.0);
  EXPECT_TRUE(config.bool_or("missing", true));
}

TEST(Config, ErasesAKey) {
  Config config;
  config.set("depth", 12);
  config.erase("depth");
  EXPECT_FALSE(config.has("depth"));
}

}  // namespace
}  // namespace tenon
