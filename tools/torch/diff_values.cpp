#include <ATen/Functions.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include <tenon/nn/spec_of.h>

#include "runtime/build/apply.h"
#include "runtime/build/guard.h"
#include "runtime/build/source_reader.h"
#include "tools/common/comparison.h"
#include "tools/common/interrupt.h"
#include "tools/common/side.h"
#include "tools/torch/verbs.h"

namespace tenon::tools {
namespace {

Result<at::Tensor> read(const Checkpoint& checkpoint, const TensorEntry& entry, bool as_bytes) {
  at::Tensor tensor = as_bytes ? at::empty({static_cast<std::int64_t>(entry.bytes)}, at::kByte)
                               : at::empty(entry.shape, scalar_type_of(entry.dtype));
  const std::span<std::byte> bytes(static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes());
  if (auto ok = read_tensor(checkpoint, entry, bytes); !ok) return tl::unexpected(ok.error());
  return tensor;
}

// Element types that LibTorch does not have are compared byte by byte.
bool only_bytes(const Side& side, const ComparedTensor& tensor) {
  return std::any_of(tensor.sources.begin(), tensor.sources.end(), [&side](std::uint32_t index) {
    return !has_scalar_type(side.checkpoint->tensors[index].dtype);
  });
}

Result<at::Tensor> values(const Side& side, const ComparedTensor& tensor, bool as_bytes, loading::SourceReader& reader) {
  std::vector<at::Tensor> sources;
  for (const std::uint32_t index : tensor.sources) {
    if (auto sound = reader.check(index); !sound) return tl::unexpected(sound.error());
    auto source = read(*side.checkpoint, side.checkpoint->tensors[index], as_bytes);
    if (!source) return source;
    sources.push_back(std::move(*source));
  }
  if (as_bytes) return at::cat(sources);
  const at::Tensor value = loading::apply_expr(tensor.expr, sources);
  return value.is_complex() ? at::view_as_real(value) : value;
}

// The largest difference, where one exceeds atol + rtol * |b|; NaN equals NaN, and an infinity itself.
std::optional<double> difference(const at::Tensor& a, const at::Tensor& b, double atol, double rtol) {
  if (a.numel() == 0) return std::nullopt;
  const at::Tensor x = a.to(at::kDouble);
  const at::Tensor y = b.to(at::kDouble);
  const at::Tensor equal = at::eq(x, y).logical_or(at::isnan(x).logical_and(at::isnan(y)));
  const at::Tensor distance = at::where(equal, at::zeros({}, at::kDouble), at::abs(x - y));
  const at::Tensor excess = equal.logical_not().logical_and(at::le(distance, at::abs(y) * rtol + atol).logical_not());
  if (!excess.any().item<bool>()) return std::nullopt;
  return at::nan_to_num(distance, std::numeric_limits<double>::infinity()).max().item<double>();
}

Result<void> compare_values(const Sides& sides, double atol, double rtol, report::Comparison& comparison) {
  const loading::Progress silent({});
  loading::SourceReader reader_a(*sides.a.checkpoint, /*mapped=*/false, /*verify=*/true, silent, 0);
  loading::SourceReader reader_b(*sides.b.checkpoint, /*mapped=*/false, /*verify=*/true, silent, 0);
  for (const auto& [name, a] : sides.a.tensors) {
    if (interrupt::requested()) return fail(ErrorKind::kCancelled, "TN-CANCELLED", "interrupted [TN-CANCELLED]");
    const auto b = sides.b.tensors.find(name);
    if (b == sides.b.tensors.end() || a.type.shape != b->second.type.shape) continue;
    const bool as_bytes = only_bytes(sides.a, a) || only_bytes(sides.b, b->second);
    if (as_bytes && a.type.dtype != b->second.type.dtype) continue;  // already listed as different
    const auto values_a = values(sides.a, a, as_bytes, reader_a);
    if (!values_a) return tl::unexpected(values_a.error());
    const auto values_b = values(sides.b, b->second, as_bytes, reader_b);
    if (!values_b) return tl::unexpected(values_b.error());
    if (const auto largest = difference(*values_a, *values_b, atol, rtol)) {
      comparison.different.push_back({name, "value", "", "", *largest});
    }
  }
  return {};
}

Result<report::Comparison> compare(const Options& options) {
  const auto sides = open_sides(options.checkpoints[0], options.checkpoints[1]);
  if (!sides) return tl::unexpected(sides.error());
  return loading::guarded("comparing values", [&]() -> Result<report::Comparison> {
    report::Comparison comparison = compare_types(*sides);
    if (auto ok = compare_values(*sides, options.atol, options.rtol, comparison); !ok) {
      return tl::unexpected(ok.error());
    }
    return comparison;
  });
}

}  // namespace

Answer diff_values(const Options& options) {
  const auto comparison = compare(options);
  if (comparison) return answer_comparison(options, *comparison);
  return failed_comparison(options, comparison.error());
}

}  // namespace tenon::tools
