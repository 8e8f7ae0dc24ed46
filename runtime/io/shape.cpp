#include <tenon/shape.h>

#include <algorithm>

#include "runtime/io/checked.h"

namespace tenon {

std::optional<std::int64_t> numel(const Shape& shape) {
  // The product of max(dim, 1) bounds every stride, so it must fit even where another dimension is zero.
  std::int64_t product = 1;
  bool empty = false;
  for (const std::int64_t dim : shape) {
    if (dim < 0) return std::nullopt;
    empty = empty || dim == 0;
    const auto next = io::multiply(product, std::max<std::int64_t>(dim, 1));
    if (!next) return std::nullopt;
    product = *next;
  }
  return empty ? 0 : product;
}

std::optional<std::int64_t> byte_size(DType dtype, const Shape& shape) {
  const auto count = numel(shape);
  if (!count) return std::nullopt;
  const int bits = dtype_bits(dtype);
  if (bits % 8 == 0) return io::multiply(*count, static_cast<std::int64_t>(bits / 8));
  // Sub-byte types: whole groups of eight elements are whole bytes, so only the rest is rounded.
  const auto groups = io::multiply(*count / 8, static_cast<std::int64_t>(bits));
  if (!groups) return std::nullopt;
  return io::add(*groups, (*count % 8 * bits + 7) / 8);
}

std::string to_string(const Shape& shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i != 0) out += ", ";
    out += std::to_string(shape[i]);
  }
  return out + "]";
}

}  // namespace tenon
