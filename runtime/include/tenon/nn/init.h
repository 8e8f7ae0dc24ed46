// How a parameter that no file supplies is filled. Nothing else uses it: building a module never draws a number.
#pragma once

#include <cstdint>
#include <string_view>

#include <ATen/core/Tensor.h>

namespace tenon::nn {

/// A distribution that a leaf layer declares for one of its parameters.
struct Init {
  enum class Kind { kZeros, kOnes, kConstant, kUniform, kNormal } kind = Kind::kZeros;
  double scale = 0;  // kConstant: the value; kUniform: draws from [-scale, scale]; kNormal: the standard deviation

  static Init zeros() { return {}; }
  static Init ones() { return {Kind::kOnes, 0}; }
  static Init constant(double value) { return {Kind::kConstant, value}; }
  static Init uniform(double bound) { return {Kind::kUniform, bound}; }
  static Init normal(double deviation) { return {Kind::kNormal, deviation}; }
  /// What torch gives a linear layer or a convolution: uniform within 1 / sqrt(fan_in).
  static Init fan_in(std::int64_t inputs);
};

/// Fills `out` (CPU, contiguous, any real dtype). The values depend on `seed` and `name` alone, so that they do not change
/// with the number or order of other fills.
void fill(at::Tensor& out, const Init& init, std::uint64_t seed, std::string_view name);

}  // namespace tenon::nn
