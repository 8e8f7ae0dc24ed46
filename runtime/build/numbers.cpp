#include "runtime/build/numbers.h"

#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/aminmax.h>
#include <ATen/ops/isinf.h>
#include <ATen/ops/isnan.h>

namespace tenon::loading {
namespace {

constexpr std::int64_t kPiece = std::int64_t{1} << 22;  // elements; bounds the temporaries

bool has_aminmax(at::ScalarType type) {
  return type == at::kFloat || type == at::kDouble || type == at::kHalf || type == at::kBFloat16 || type == at::kLong ||
         type == at::kInt || type == at::kShort || type == at::kChar || type == at::kByte;
}

/// A piece in a dtype that every kernel knows.
at::Tensor computable(const at::Tensor& piece) {
  const auto type = piece.scalar_type();
  if (has_aminmax(type)) return piece;
  return piece.to(type == at::kBool ? at::kByte : at::kFloat);
}

void add(NumberCounts& counts, const at::Tensor& x) {
  // aminmax propagates NaN, so two finite ends mean that everything between them is finite.
  const auto [low, high] = at::aminmax(x);
  const auto first = low.item<double>();
  const auto last = high.item<double>();
  if (first != 0 || last != 0) counts.all_zero = false;
  if (std::isfinite(first) && std::isfinite(last)) return;
  counts.nan += static_cast<std::uint64_t>(at::isnan(x).sum().item<std::int64_t>());
  counts.inf += static_cast<std::uint64_t>(at::isinf(x).sum().item<std::int64_t>());
}

}  // namespace

NumberCounts count_numbers(const at::Tensor& tensor) {
  if (tensor.numel() == 0) return {};
  if (tensor.is_complex()) return count_numbers(at::view_as_real(tensor));
  NumberCounts counts{.all_zero = true};
  const auto flat = tensor.reshape({-1});
  for (std::int64_t begin = 0; begin < flat.numel(); begin += kPiece) {
    add(counts, computable(flat.narrow(0, begin, std::min(kPiece, flat.numel() - begin))));
  }
  return counts;
}

}  // namespace tenon::loading
