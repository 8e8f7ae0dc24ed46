#include "runtime/build/apply.h"

#include <algorithm>
#include <array>

#include <ATen/TensorOperators.h>
#include <ATen/core/IListRef.h>
#include <ATen/ops/_upsample_bicubic2d_aa.h>
#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/upsample_bicubic2d.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <ATen/ops/zeros.h>

#include <tenon/nn/spec_of.h>

namespace tenon::loading {
namespace {

std::vector<at::Tensor> operands(const Expr& expr, const std::vector<at::Tensor>& sources) {
  std::vector<at::Tensor> values;
  values.reserve(expr.operands.size());
  for (const auto& operand : expr.operands) values.push_back(apply_expr(operand, sources));
  return values;
}

at::Tensor pad(const at::Tensor& x, std::int64_t dim, std::int64_t before, std::int64_t after) {
  const auto zeros = [&](std::int64_t length) {
    auto shape = x.sizes().vec();
    shape[static_cast<std::size_t>(dim)] = length;
    return at::zeros(shape, x.options());
  };
  return at::cat(std::vector<at::Tensor>{zeros(before), x, zeros(after)}, dim);
}

at::Tensor interpolate(const at::Tensor& x, at::IntArrayRef size, std::string_view method) {
  if (method == "bicubic-antialias") return at::_upsample_bicubic2d_aa(x, size, /*align_corners=*/false);
  if (method == "bicubic") return at::upsample_bicubic2d(x, size, /*align_corners=*/false);
  if (method == "bilinear") return at::upsample_bilinear2d(x, size, /*align_corners=*/false);
  TORCH_CHECK(method == "nearest", "no resize method \"", method, "\"");
  return at::upsample_nearest2d(x, size);
}

}  // namespace

bool is_copy(const Expr& expr) {
  if (expr.op == OpKind::kCast) return is_copy(expr.operands.at(0));
  return expr.op == OpKind::kSource;
}

bool is_join(const Expr& expr, std::size_t sources) {
  if (expr.op == OpKind::kCast) return is_join(expr.operands.at(0), sources);
  return expr.op == OpKind::kConcat && expr.args.at(0) == 0 &&
         std::all_of(expr.operands.begin(), expr.operands.end(), [&](const Expr& operand) {
           return operand.op == OpKind::kSource && static_cast<std::size_t>(operand.args.at(0)) < sources;
         });
}

at::Tensor resize_positions(const at::Tensor& table,
                            std::int64_t prefix,
                            std::array<std::int64_t, 2> grid,
                            std::array<std::int64_t, 2> new_grid,
                            std::string_view method) {
  const auto width = table.size(-1);
  const auto rows = table.reshape({-1, width});  // [prefix + h * w, width]
  TORCH_CHECK(rows.size(0) == prefix + grid[0] * grid[1], "a position table of ", rows.size(0), " rows is not ", prefix,
              " and a grid of ", grid[0], " x ", grid[1]);
  const auto image = rows.narrow(0, prefix, grid[0] * grid[1])
                         .to(at::kFloat)
                         .reshape({1, grid[0], grid[1], width})
                         .permute({0, 3, 1, 2});  // [1, width, h, w]
  const auto resized = interpolate(image, new_grid, method)
                           .permute({0, 2, 3, 1})
                           .reshape({new_grid[0] * new_grid[1], width})
                           .to(table.scalar_type());
  auto shape = table.sizes().vec();
  shape[shape.size() - 2] = prefix + new_grid[0] * new_grid[1];
  return at::cat(std::vector<at::Tensor>{rows.narrow(0, 0, prefix), resized}, 0).reshape(shape);
}

at::Tensor apply_expr(const Expr& expr, const std::vector<at::Tensor>& sources) {
  const auto& args = expr.args;
  if (expr.op == OpKind::kSource) return sources.at(static_cast<std::size_t>(args.at(0)));
  if (expr.op == OpKind::kFill) {
    return at::full(args, expr.value, at::TensorOptions().dtype(scalar_type_of(expr.dtype)));
  }
  const auto values = operands(expr, sources);
  const auto& x = values.at(0);
  switch (expr.op) {
    case OpKind::kTranspose:
      return x.t();
    case OpKind::kPermute:
      return x.permute(args);
    case OpKind::kReshape:
      return x.reshape(args);
    case OpKind::kSlice:
      return x.slice(args.at(0), args.at(1), args.at(2) < 0 ? x.size(args.at(0)) : args.at(2));
    case OpKind::kSplit: {
      const auto length = x.size(args.at(0)) / args.at(1);
      return x.narrow(args.at(0), args.at(2) * length, length);
    }
    case OpKind::kConcat:
      return at::cat(values, args.at(0));
    case OpKind::kPad:
      return pad(x, args.at(0), args.at(1), args.at(2));
    case OpKind::kAdd:
      return x + values.at(1);
    case OpKind::kScale:
      return x * expr.value;
    case OpKind::kResize:
      return resize_positions(x, args.at(0), {args.at(1), args.at(2)}, {args.at(3), args.at(4)}, expr.text);
    case OpKind::kCast:
      return x.to(scalar_type_of(expr.dtype));
    case OpKind::kSource:
    case OpKind::kFill:
      break;
  }
  TORCH_CHECK(false, "an operation that tables do not have");
}

}  // namespace tenon::loading
