#include "runtime/mapping/expr.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tenon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Expr parse(std::string_view text, std::size_t sources = 3) {
  auto expr = parse_expr(text, sources);
  EXPECT_TRUE(expr) << (expr ? "" : expr.error());
  return expr.value_or(Expr{});
}

std::string refusal(std::string_view text, std::size_t sources = 1) {
  auto expr = parse_expr(text, sources);
  return expr ? "accepted" : expr.error();
}

TensorType f32(Shape shape) { return {DType::kF32, std::move(shape)}; }

Shape shape_of(std::string_view text, const std::vector<TensorType>& sources) {
  auto type = infer(parse(text, sources.size()), sources);
  EXPECT_TRUE(type) << (type ? "" : type.error().message);
  return type ? type->shape : Shape{-1};
}

TEST(Expr, TextRoundTrips) {
  for (const char* text : {"$1", "transpose($1)", "permute($1, 3, 2, 0, 1)", "reshape($1, 1, 0, -1)", "slice($1, 1, 1, -1)",
                           "split($2, 0, 3, 1)", "concat(0, $1, $2, $3)", "pad($1, 1, 1, 0)", "add($1, slice($2, 1, 0, 1))",
                           "scale($1, 0.5)", "reshape($1, 1, =0, =1)", "fill(0, =1)", "cast($1, BF16)", "fill(0, 1, 1, 768)"}) {
    EXPECT_EQ(to_text(parse(text)), text);
  }
}

TEST(Expr, RefusesWhatIsNoExpression) {
  for (const char* text : {"", "$0", "$2", "$", "concat($1", "concat()", "rename($1)", "transpose($1, 1)", "permute($1, 0, 0)",
                           "reshape($1, -1, -1)", "slice($1, 0, 3, 3)", "split($1, 0, 3, 3)", "scale($1)", "scale($1, 0)", "cast($1)",
                           "cast($1, F33)", "$1 $1", "transpose($1))", "fill()", "slice($1, 0, 0, 99999999999999999999)"}) {
    EXPECT_NE(refusal(text), "accepted") << text;
  }
  EXPECT_EQ(refusal("transpose($1)"), "accepted");
}

TEST(Expr, RefusesDepthWithoutEnd) {
  std::string text = "$1";
  for (int i = 0; i < 40; ++i) text = "transpose(" + text + ")";
  EXPECT_THAT(refusal(text), HasSubstr("too deep"));
}

TEST(Expr, InfersEveryOperation) {
  EXPECT_EQ(shape_of("transpose($1)", {f32({3, 5})}), (Shape{5, 3}));
  EXPECT_EQ(shape_of("permute($1, 3, 2, 0, 1)", {f32({16, 14, 3, 8})}), (Shape{8, 3, 16, 14}));
  EXPECT_EQ(shape_of("reshape($1, 0, -1)", {f32({2, 3, 4})}), (Shape{2, 12}));
  EXPECT_EQ(shape_of("slice($1, 1, 1, -1)", {f32({1, 5, 2})}), (Shape{1, 4, 2}));
  EXPECT_EQ(shape_of("split($1, 0, 3, 2)", {f32({9, 2})}), (Shape{3, 2}));
  EXPECT_EQ(shape_of("concat(0, $1, $2)", {f32({2, 3}), f32({4, 3})}), (Shape{6, 3}));
  EXPECT_EQ(shape_of("pad($1, 1, 1, 2)", {f32({1, 4})}), (Shape{1, 7}));
  EXPECT_EQ(shape_of("add($1, $2)", {f32({1, 1, 4}), f32({1, 3, 4})}), (Shape{1, 3, 4}));
  EXPECT_EQ(shape_of("scale($1, 2)", {f32({4})}), (Shape{4}));
  EXPECT_EQ(shape_of("fill(1, 2, 2)", {f32({4})}), (Shape{2, 2}));
  EXPECT_EQ(shape_of("reshape($1, 1, =0, =1)", {f32({5, 4})}), (Shape{1, 5, 4}));
  EXPECT_EQ(shape_of("fill(0, =1)", {f32({5, 4})}), (Shape{4}));
  EXPECT_EQ(infer(parse("cast($1, F16)"), {f32({4})})->dtype, DType::kF16);
}

TEST(Expr, SaysWhichOperationDoesNotFit) {
  const auto concat = infer(parse("concat(0, $1, $2)"), {f32({2, 3}), f32({2, 4})});
  ASSERT_FALSE(concat);
  EXPECT_EQ(concat.error().code, "TN-MAP-SHAPE");
  EXPECT_THAT(concat.error().message, HasSubstr("concat(0, $1, $2): [2, 3] and [2, 4] do not fit"));
  EXPECT_FALSE(infer(parse("transpose($1)"), {f32({2, 3, 4})}));
  EXPECT_FALSE(infer(parse("split($1, 0, 3, 0)"), {f32({7})}));
  EXPECT_FALSE(infer(parse("reshape($1, 4, -1)"), {f32({7})}));
  EXPECT_FALSE(infer(parse("slice($1, 0, 0, 9)"), {f32({7})}));
  EXPECT_FALSE(infer(parse("concat(0, $1, $2)"), {f32({2}), {DType::kF16, {2}}}));
}

TEST(Expr, OverflowIsARefusal) {
  const auto big = std::int64_t{1} << 62;
  EXPECT_FALSE(infer(parse("concat(0, $1, $2)"), {f32({big}), f32({big})}));
  EXPECT_FALSE(infer(parse("pad($1, 0, 9223372036854775807, 1)"), {f32({1})}));
}

TEST(Expr, DescribesOperationsInOrder) {
  EXPECT_THAT(describe(parse("$1")), ElementsAre("rename"));
  EXPECT_THAT(describe(parse("concat(0, $1, $2, $3)")), ElementsAre("concat(0)"));
  EXPECT_THAT(describe(parse("transpose(concat(0, $1, $2))")), ElementsAre("concat(0)", "transpose"));
  EXPECT_THAT(describe(parse("add($1, slice($2, 1, 0, 1))")), ElementsAre("add($1, slice($2, 1, 0, 1))"));
}

TEST(Expr, InverseUndoesWhatLosesNothing) {
  const auto back = [](const std::vector<std::string>& targets, std::size_t sources) {
    std::vector<Expr> exprs;
    for (const auto& text : targets) exprs.push_back(parse(text, sources));
    auto inverse = invert(exprs, sources);
    std::vector<std::string> texts;
    if (inverse) {
      for (const Expr& expr : *inverse) texts.push_back(to_text(expr));
    }
    return texts;
  };
  EXPECT_THAT(back({"$1"}, 1), ElementsAre("$1"));
  EXPECT_THAT(back({"permute($1, 2, 0, 1)"}, 1), ElementsAre("permute($1, 1, 2, 0)"));
  EXPECT_THAT(back({"concat(0, $1, transpose($2))"}, 2), ElementsAre("split($1, 0, 2, 0)", "transpose(split($1, 0, 2, 1))"));
  EXPECT_THAT(back({"split($1, 0, 2, 0)", "split($1, 0, 2, 1)"}, 1), ElementsAre("concat(0, $1, $2)"));
  EXPECT_THAT(back({"slice($1, 0, 0, 1)"}, 1), ElementsAre());
  EXPECT_THAT(back({"add($1, $2)"}, 2), ElementsAre());
  EXPECT_THAT(back({"concat(0, $1, $1)"}, 1), ElementsAre());
}

TEST(Expr, ResolvedReshapeStatesPlainSizes) {
  const auto resolved = resolve(parse("reshape($1, 0, -1, 1)"), {f32({2, 6})});
  ASSERT_TRUE(resolved);
  EXPECT_EQ(to_text(*resolved), "reshape($1, 2, 6, 1)");
}

}  // namespace
}  // namespace tenon
