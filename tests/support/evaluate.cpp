#include "tests/support/evaluate.h"

#include <functional>
#include <numeric>
#include <stdexcept>

namespace tenon::test {
namespace {

using Index = std::vector<std::int64_t>;

std::size_t flat(const Shape& shape, const Index& index) {
  std::size_t at = 0;
  for (std::size_t d = 0; d < shape.size(); ++d) at = at * static_cast<std::size_t>(shape[d]) + static_cast<std::size_t>(index[d]);
  return at;
}

// Every element of `shape` in row-major order, asked of `value`.
Numbers generate(const Shape& shape, const std::function<float(const Index&)>& value) {
  Numbers out{shape, {}};
  const auto count = numel(shape).value();
  Index index(shape.size(), 0);
  for (std::int64_t n = 0; n < count; ++n) {
    out.values.push_back(value(index));
    for (std::size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
  return out;
}

float at(const Numbers& x, const Index& index) { return x.values[flat(x.shape, index)]; }

Numbers shifted(const Numbers& x, std::size_t dim, std::int64_t size, std::int64_t offset) {
  Shape shape = x.shape;
  shape[dim] = size;
  return generate(shape, [&](Index index) {
    index[dim] += offset;
    return index[dim] < 0 || index[dim] >= x.shape[dim] ? 0.0F : at(x, index);
  });
}

Numbers concat(const std::vector<Numbers>& parts, std::size_t dim) {
  Shape shape = parts[0].shape;
  shape[dim] = 0;
  for (const Numbers& part : parts) shape[dim] += part.shape[dim];
  return generate(shape, [&](Index index) {
    std::size_t p = 0;
    while (index[dim] >= parts[p].shape[dim]) index[dim] -= parts[p++].shape[dim];
    return at(parts[p], index);
  });
}

// Operands of equal rank only, which is all that the tables add.
Numbers add(const Numbers& a, const Numbers& b) {
  Shape shape = a.shape;
  for (std::size_t d = 0; d < shape.size(); ++d) shape[d] = std::max(a.shape.at(d), b.shape.at(d));
  const auto within = [](const Numbers& x, Index index) {
    for (std::size_t d = 0; d < index.size(); ++d) index[d] = x.shape[d] == 1 ? 0 : index[d];
    return at(x, index);
  };
  return generate(shape, [&](const Index& index) { return within(a, index) + within(b, index); });
}

Numbers permute(const Numbers& x, const Index& order) {
  Shape shape;
  for (const auto dim : order) shape.push_back(x.shape[static_cast<std::size_t>(dim)]);
  return generate(shape, [&](const Index& index) {
    Index from(index.size());
    for (std::size_t d = 0; d < index.size(); ++d) from[static_cast<std::size_t>(order[d])] = index[d];
    return at(x, from);
  });
}

}  // namespace

Numbers evaluate(const Expr& expr, const std::vector<Numbers>& sources) {
  if (expr.op == OpKind::kSource) return sources.at(static_cast<std::size_t>(expr.args[0]));
  std::vector<Numbers> x;
  for (const Expr& operand : expr.operands) x.push_back(evaluate(operand, sources));
  const auto dim = expr.args.empty() ? 0 : static_cast<std::size_t>(expr.args[0]);
  switch (expr.op) {
    case OpKind::kTranspose:
      return permute(x[0], {1, 0});
    case OpKind::kPermute:
      return permute(x[0], expr.args);
    case OpKind::kReshape:
      return {expr.args, x[0].values};
    case OpKind::kSlice:
      return shifted(x[0], dim, (expr.args[2] == -1 ? x[0].shape[dim] : expr.args[2]) - expr.args[1], expr.args[1]);
    case OpKind::kSplit: {
      const auto size = x[0].shape[dim] / expr.args[1];
      return shifted(x[0], dim, size, size * expr.args[2]);
    }
    case OpKind::kPad:
      return shifted(x[0], dim, x[0].shape[dim] + expr.args[1] + expr.args[2], -expr.args[1]);
    case OpKind::kConcat:
      return concat(x, dim);
    case OpKind::kAdd:
      return add(x[0], x[1]);
    case OpKind::kScale:
      for (float& value : x[0].values) value *= static_cast<float>(expr.value);
      return x[0];
    case OpKind::kFill:
      return generate(expr.args, [&](const Index&) { return static_cast<float>(expr.value); });
    default:
      throw std::logic_error("no such operation in a table");
  }
}

}  // namespace tenon::test
