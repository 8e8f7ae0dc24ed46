#include <tenon/nn/spec_of.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>

namespace tenon {
namespace {

constexpr std::array<std::pair<DType, at::ScalarType>, 18> kTypes{{
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
}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Runs of digits compare as numbers: "blocks.2" before "blocks.10".
bool natural_less(const std::string& a, const std::string& b) {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (!is_digit(a[i]) || !is_digit(b[j])) {
      if (a[i] != b[j]) return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
      ++i, ++j;
      continue;
    }
    const auto end_of = [](const std::string& s, std::size_t from) {
      return std::find_if_not(s.begin() + static_cast<std::ptrdiff_t>(from), s.end(), is_digit) - s.begin();
    };
    const auto x = a.substr(i, static_cast<std::size_t>(end_of(a, i)) - i);
    const auto y = b.substr(j, static_cast<std::size_t>(end_of(b, j)) - j);
    if (x != y) return x.size() != y.size() ? x.size() < y.size() : x < y;
    i += x.size(), j += y.size();
  }
  return a.size() - i < b.size() - j;
}

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
