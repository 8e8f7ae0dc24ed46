#include <tenon/nn/spec_of.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>

#include "runtime/io/natural_order.h"

namespace tenon {
namespace {

constexpr std::array<std::pair<DType, at::ScalarType>, 21> kTypes{{
    {DType::kBool, at::kBool},
    {DType::kU8, at::kByte},
    {DType::kI8, at::kChar},
    {DType::kU16, at::kUInt16},
    {DType::kI16, at::kShort},
    {DType::kU32, at::kUInt32},
    {DType::kI32, at::kInt},
    {DType::kU64, at::kUInt64},
    {DType::kI64, at::kLong},
    {DType::kF16, at::kHalf},
    {DType::kBF16, at::kBFloat16},
    {DType::kF32, at::kFloat},
    {DType::kF64, at::kDouble},
    {DType::kC32, at::kComplexHalf},
    {DType::kC64, at::kComplexFloat},
    {DType::kC128, at::kComplexDouble},
    {DType::kF8E4M3, at::kFloat8_e4m3fn},
    {DType::kF8E5M2, at::kFloat8_e5m2},
    {DType::kF8E4M3Fnuz, at::kFloat8_e4m3fnuz},
    {DType::kF8E5M2Fnuz, at::kFloat8_e5m2fnuz},
    {DType::kF8E8M0, at::kFloat8_e8m0fnu},
}};

}  // namespace

DType dtype_of(at::ScalarType type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (theirs == type) return ours;
  }
  throw std::invalid_argument(std::string("no checkpoint dtype for ") + c10::toString(type));
}

bool has_scalar_type(DType dtype) {
  return std::any_of(kTypes.begin(), kTypes.end(), [&](const auto& pair) { return pair.first == dtype; });
}

at::ScalarType scalar_type_of(DType dtype) {
  for (const auto& [ours, theirs] : kTypes) {
    if (ours == dtype) return theirs;
  }
  throw std::invalid_argument("LibTorch has no dtype for " + std::string(dtype_name(dtype)));
}

ModelSpec spec_of(const torch::nn::Module& module) {
  std::vector<std::pair<std::string, std::pair<at::Tensor, bool>>> named;
  for (const auto& item : module.named_parameters()) named.emplace_back(item.key(), std::pair(item.value(), false));
  for (const auto& item : module.named_buffers()) named.emplace_back(item.key(), std::pair(item.value(), true));
  std::sort(named.begin(), named.end(), [](const auto& a, const auto& b) { return natural_less(a.first, b.first); });

  ModelSpec spec;
  std::unordered_map<const c10::TensorImpl*, std::size_t> seen;
  for (const auto& [name, entry] : named) {
    const auto& [tensor, buffer] = entry;
    if (!tensor.defined()) continue;
    const auto [place, first] = seen.emplace(tensor.unsafeGetTensorImpl(), spec.tensors.size());
    if (!first) {
      spec.tensors[place->second].aliases.push_back(name);
      continue;
    }
    spec.tensors.push_back({name, {}, {dtype_of(tensor.scalar_type()), tensor.sizes().vec()}, buffer});
  }
  return spec;
}

}  // namespace tenon
