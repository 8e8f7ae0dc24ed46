// What an expression gives for sources of known types, and how it is told.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "runtime/mapping/expr.h"

namespace tenon {
namespace {

Failure refuse_shape(const Expr& expr, const std::string& why) {
  return fail(ErrorKind::kMalformed, "TN-MAP-SHAPE", fmt::format("{}: {}", to_text(expr), why));
}

std::int64_t elements(const Shape& shape) { return numel(shape).value_or(-1); }

Result<TensorType> infer_transpose(const Expr& expr, TensorType type) {
  if (type.shape.size() != 2) return refuse_shape(expr, fmt::format("{} is no matrix", to_string(type.shape)));
  std::swap(type.shape[0], type.shape[1]);
  return type;
}

Result<TensorType> infer_permute(const Expr& expr, TensorType type) {
  if (type.shape.size() != expr.args.size()) {
    return refuse_shape(expr, fmt::format("{} has another number of dimensions", to_string(type.shape)));
  }
  Shape shape;
  for (const auto dim : expr.args) shape.push_back(type.shape[static_cast<std::size_t>(dim)]);
  return TensorType{type.dtype, std::move(shape)};
}

Result<TensorType> infer_reshape(const Expr& expr, TensorType type) {
  Shape shape = expr.args;
  std::int64_t known = 1;
  std::int64_t* rest = nullptr;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1) {
      rest = &shape[i];
      continue;
    }
    if (shape[i] == 0 || is_dimension_arg(shape[i])) {
      const auto from = shape[i] == 0 ? i : static_cast<std::size_t>(dimension_of_arg(shape[i]));
      if (from >= type.shape.size()) return refuse_shape(expr, fmt::format("{} has no dimension {}", to_string(type.shape), from));
      shape[i] = type.shape[from];
    }
    if (__builtin_mul_overflow(known, shape[i], &known)) return refuse_shape(expr, "too large");
  }
  const auto total = elements(type.shape);
  if (rest != nullptr) {
    if (known == 0 || total % known != 0) return refuse_shape(expr, fmt::format("{} does not divide", to_string(type.shape)));
    *rest = total / known;
    known = total;
  }
  if (known != total) return refuse_shape(expr, fmt::format("{} has {} elements, not {}", to_string(type.shape), total, known));
  return TensorType{type.dtype, std::move(shape)};
}

Result<TensorType> infer_part(const Expr& expr, TensorType type) {
  const auto dim = static_cast<std::size_t>(expr.args[0]);
  if (dim >= type.shape.size()) return refuse_shape(expr, fmt::format("{} has no dimension {}", to_string(type.shape), dim));
  const auto size = type.shape[dim];
  if (expr.op == OpKind::kSplit) {
    if (size % expr.args[1] != 0) return refuse_shape(expr, fmt::format("{} does not divide by {}", size, expr.args[1]));
    type.shape[dim] = size / expr.args[1];
    return type;
  }
  if (expr.op == OpKind::kPad) {
    if (__builtin_add_overflow(size, expr.args[1], &type.shape[dim]) ||
        __builtin_add_overflow(type.shape[dim], expr.args[2], &type.shape[dim])) {
      return refuse_shape(expr, "too large");
    }
    return type;
  }
  const auto end = expr.args[2] == -1 ? size : expr.args[2];
  if (end > size || expr.args[1] > end) return refuse_shape(expr, fmt::format("{} is too short in dimension {}", to_string(type.shape), dim));
  type.shape[dim] = end - expr.args[1];
  return type;
}

Result<TensorType> infer_concat(const Expr& expr, const std::vector<TensorType>& types) {
  TensorType joined = types[0];
  const auto dim = static_cast<std::size_t>(expr.args[0]);
  if (dim >= joined.shape.size()) return refuse_shape(expr, fmt::format("{} has no dimension {}", to_string(joined.shape), dim));
  for (std::size_t i = 1; i < types.size(); ++i) {
    Shape other = types[i].shape;
    if (other.size() != joined.shape.size()) return refuse_shape(expr, "the ranks differ");
    const auto size = other[dim];
    other[dim] = joined.shape[dim];
    if (other != joined.shape) {
      return refuse_shape(expr, fmt::format("{} and {} do not fit", to_string(joined.shape), to_string(types[i].shape)));
    }
    if (types[i].dtype != joined.dtype) {
      return refuse_shape(expr, fmt::format("{} and {} are joined", dtype_name(joined.dtype), dtype_name(types[i].dtype)));
    }
    if (__builtin_add_overflow(joined.shape[dim], size, &joined.shape[dim])) return refuse_shape(expr, "too large");
  }
  return joined;
}

Result<TensorType> infer_add(const Expr& expr, const TensorType& a, const TensorType& b) {
  if (a.dtype != b.dtype) return refuse_shape(expr, fmt::format("{} and {} are added", dtype_name(a.dtype), dtype_name(b.dtype)));
  Shape shape(std::max(a.shape.size(), b.shape.size()), 1);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const auto from_end = [&](const Shape& s) { return i < s.size() ? s[s.size() - 1 - i] : 1; };
    const auto x = from_end(a.shape);
    const auto y = from_end(b.shape);
    if (x != y && x != 1 && y != 1) {
      return refuse_shape(expr, fmt::format("{} and {} do not broadcast", to_string(a.shape), to_string(b.shape)));
    }
    shape[shape.size() - 1 - i] = x == 1 ? y : x;
  }
  return TensorType{a.dtype, std::move(shape)};
}

Result<TensorType> infer_resize(const Expr& expr, TensorType type) {
  if (expr.args.size() != 5 || type.shape.size() < 2) return refuse_shape(expr, "a position table is needed");
  const auto prefix = expr.args[0];
  auto& tokens = type.shape[type.shape.size() - 2];
  if (tokens != prefix + expr.args[1] * expr.args[2]) {
    return refuse_shape(expr, fmt::format("{} positions are not {} and a grid of {}x{}", tokens, prefix, expr.args[1], expr.args[2]));
  }
  tokens = prefix + expr.args[3] * expr.args[4];
  return type;
}

Result<TensorType> infer_fill(const Expr& expr, const std::vector<TensorType>& sources) {
  TensorType type{expr.dtype, expr.args};
  for (auto& size : type.shape) {
    if (!is_dimension_arg(size)) continue;
    const auto from = static_cast<std::size_t>(dimension_of_arg(size));
    if (sources.empty() || from >= sources[0].shape.size()) return refuse_shape(expr, fmt::format("the first source has no dimension {}", from));
    size = sources[0].shape[from];
  }
  return type;
}

Result<TensorType> infer_op(const Expr& expr, const std::vector<TensorType>& operands) {
  switch (expr.op) {
    case OpKind::kTranspose:
      return infer_transpose(expr, operands[0]);
    case OpKind::kPermute:
      return infer_permute(expr, operands[0]);
    case OpKind::kReshape:
      return infer_reshape(expr, operands[0]);
    case OpKind::kSlice:
    case OpKind::kSplit:
    case OpKind::kPad:
      return infer_part(expr, operands[0]);
    case OpKind::kConcat:
      return infer_concat(expr, operands);
    case OpKind::kAdd:
      return infer_add(expr, operands[0], operands[1]);
    case OpKind::kResize:
      return infer_resize(expr, operands[0]);
    case OpKind::kCast:
      return TensorType{expr.dtype, operands[0].shape};
    case OpKind::kFill:
    case OpKind::kScale:
    case OpKind::kSource:
      break;
  }
  return operands[0];
}

std::string op_text(const Expr& expr) {
  Expr alone = expr;
  alone.operands.clear();
  std::string text = to_text(alone);
  if (text.size() > 2 && text.substr(text.size() - 2) == "()") text.resize(text.size() - 2);
  return text;
}

// A chain of one-operand operations over the sources in their order, joined by at most one concat or add at the bottom.
bool describe_chain(const Expr& expr, std::vector<std::string>& ops) {
  if (expr.op == OpKind::kSource) return expr.args[0] == 0;
  if (expr.operands.size() == 1) {
    if (!describe_chain(expr.operands[0], ops)) return false;
  } else {
    if (expr.operands.empty()) return false;
    for (std::size_t i = 0; i < expr.operands.size(); ++i) {
      if (expr.operands[i] != source_expr(i)) return false;
    }
  }
  ops.push_back(op_text(expr));
  return true;
}

}  // namespace

Result<TensorType> infer(const Expr& expr, const std::vector<TensorType>& sources) {
  if (expr.op == OpKind::kSource) {
    const auto index = static_cast<std::size_t>(expr.args[0]);
    if (index >= sources.size()) return refuse_shape(expr, "no such source");
    return sources[index];
  }
  if (expr.op == OpKind::kFill) return infer_fill(expr, sources);
  std::vector<TensorType> operands;
  for (const Expr& operand : expr.operands) {
    auto type = infer(operand, sources);
    if (!type) return type;
    operands.push_back(*std::move(type));
  }
  return infer_op(expr, operands);
}

std::vector<std::string> describe(const Expr& expr) {
  if (expr == source_expr(0)) return {"rename"};
  std::vector<std::string> ops;
  if (describe_chain(expr, ops)) return ops;
  return {to_text(expr)};
}

Result<Expr> resolve(const Expr& expr, const std::vector<TensorType>& sources) {
  Expr resolved = expr;
  for (Expr& operand : resolved.operands) {
    auto inner = resolve(operand, sources);
    if (!inner) return inner;
    operand = *std::move(inner);
  }
  if (expr.op == OpKind::kReshape || expr.op == OpKind::kFill) {
    auto type = infer(resolved, sources);
    if (!type) return tl::unexpected(type.error());
    resolved.args = type->shape;
    if (expr.op == OpKind::kFill && !sources.empty()) resolved.dtype = sources[0].dtype;
  }
  return resolved;
}

}  // namespace tenon
