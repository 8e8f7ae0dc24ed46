// What each operation of the tables does to tensors.
#include <gtest/gtest.h>

#include <set>

#include <ATen/TensorOperators.h>
#include <ATen/core/IListRef.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>

#include <tenon/nn/spec_of.h>

#include "runtime/build/apply.h"
#include "tests/support/paths.h"
#include "tests/support/torch/golden.h"

namespace tenon {
namespace {

using loading::apply_expr;

Expr source(std::int64_t index) {
  Expr expr;
  expr.args = {index};
  return expr;
}

Expr op(OpKind kind, std::vector<std::int64_t> args, std::vector<Expr> operands = {source(0)}) {
  Expr expr;
  expr.op = kind;
  expr.args = std::move(args);
  expr.operands = std::move(operands);
  return expr;
}

at::Tensor numbers(at::IntArrayRef shape) { return at::arange(c10::multiply_integers(shape), at::kFloat).reshape(shape); }

struct Case {
  const char* name;
  Expr expr;
  at::Tensor expected;
};

class Apply : public testing::TestWithParam<Case> {};

/// The two sources of every case.
at::Tensor matrix() { return numbers({2, 6}); }
at::Tensor other() { return numbers({2, 6}) + 100; }

std::vector<Case> cases() {
  const auto x = matrix();
  const auto y = other();
  auto scale = op(OpKind::kScale, {});
  scale.value = 0.5;
  auto cast = op(OpKind::kCast, {});
  cast.dtype = DType::kF16;
  Expr fill;
  fill.op = OpKind::kFill;
  fill.args = {2, 3};
  fill.value = 7;
  const auto both = std::vector<Expr>{source(0), source(1)};
  return {
      {"Source", source(1), y},
      {"Transpose", op(OpKind::kTranspose, {}), x.t()},
      {"Permute", op(OpKind::kPermute, {1, 0}), x.t()},
      {"Reshape", op(OpKind::kReshape, {3, -1}), x.reshape({3, 4})},
      {"Slice", op(OpKind::kSlice, {1, 1, 4}), x.slice(1, 1, 4)},
      {"SliceToTheEnd", op(OpKind::kSlice, {1, 2, -1}), x.slice(1, 2)},
      {"Split", op(OpKind::kSplit, {1, 3, 2}), x.slice(1, 4, 6)},
      {"Concat", op(OpKind::kConcat, {0}, both), at::cat(std::vector<at::Tensor>{x, y}, 0)},
      {"Pad", op(OpKind::kPad, {0, 1, 2}), at::cat(std::vector<at::Tensor>{at::full({1, 6}, 0.F), x, at::full({2, 6}, 0.F)}, 0)},
      {"Add", op(OpKind::kAdd, {}, both), x + y},
      {"Scale", scale, x / 2},
      {"Cast", cast, x.to(at::kHalf)},
      {"Fill", fill, at::full({2, 3}, 7.F)},
      {"Nested", op(OpKind::kTranspose, {}, {op(OpKind::kConcat, {0}, both)}), at::cat(std::vector<at::Tensor>{x, y}, 0).t()},
  };
}

TEST_P(Apply, GivesWhatTheOperationSays) {
  const auto value = apply_expr(GetParam().expr, {matrix(), other()});
  EXPECT_EQ(value.scalar_type(), GetParam().expected.scalar_type());
  EXPECT_TRUE(at::equal(value, GetParam().expected));
}

TEST_P(Apply, GivesTheTypeThatInferPromises) {
  const TensorType type{DType::kF32, {2, 6}};
  const auto promised = infer(GetParam().expr, {type, type});
  ASSERT_TRUE(promised) << promised.error().message;
  const auto value = apply_expr(GetParam().expr, {matrix(), other()});
  EXPECT_EQ(promised->shape, value.sizes().vec());
  EXPECT_EQ(promised->dtype, dtype_of(value.scalar_type()));
}

INSTANTIATE_TEST_SUITE_P(Operations, Apply, testing::ValuesIn(cases()), [](const auto& instance) { return instance.param.name; });

TEST(ResizePositions, EqualsTimm) {
  const auto golden = test::read_tensors(test::source_dir() / "tests/golden/positions/positions.safetensors");
  std::set<std::string> names;
  for (const auto& [name, tensor] : golden) names.insert(name.substr(0, name.find('.')));
  ASSERT_EQ(names.size(), 6U);
  for (const auto& name : names) {
    const auto args = golden.at(name + ".args");
    const auto arg = [&](int i) { return args[i].item<std::int64_t>(); };
    const auto resized = loading::resize_positions(
        golden.at(name + ".table"), arg(0), {arg(1), arg(2)}, {arg(3), arg(4)}, "bicubic-antialias");
    EXPECT_TRUE(at::allclose(resized, golden.at(name + ".expected"), 0, 1e-5)) << name;
    const auto plain = loading::resize_positions(golden.at(name + ".table"), arg(0), {arg(1), arg(2)}, {arg(3), arg(4)}, "bicubic");
    EXPECT_FALSE(at::allclose(plain, golden.at(name + ".expected"), 0, 1e-3)) << name;
  }
}

TEST(ResizePositions, KeepsTheTablesDtype) {
  const auto table = numbers({1, 5, 2}).to(at::kHalf);
  const auto resized = loading::resize_positions(table, 1, {2, 2}, {3, 3}, "bilinear");
  EXPECT_EQ(resized.scalar_type(), at::kHalf);
  EXPECT_EQ(resized.sizes(), (std::vector<std::int64_t>{1, 10, 2}));
  EXPECT_TRUE(at::equal(resized.narrow(1, 0, 1), table.narrow(1, 0, 1)));
}

}  // namespace
}  // namespace tenon
