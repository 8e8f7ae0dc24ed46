// Stage "expect": what a module needs, read off its own tree.
#pragma once

#include <string_view>

#include <torch/nn/module.h>

#include <tenon/dtype.h>
#include <tenon/spec.h>

namespace tenon {

/// Every parameter and registered buffer of any module, in natural order (2 before 10). Tensors registered under several
/// names are one entry with aliases. Undefined tensors are not needed, so they are not listed.
/// Throws std::invalid_argument for a dtype that no checkpoint can hold.
[[nodiscard]] ModelSpec spec_of(const torch::nn::Module& module);

/// tenon's name for a LibTorch dtype and back; throws std::invalid_argument where there is no counterpart.
[[nodiscard]] DType dtype_of(at::ScalarType type);
[[nodiscard]] at::ScalarType scalar_type_of(DType dtype);
/// False where LibTorch has no dtype for it (F4, F6, quantised storages): such a tensor is listed, never bound.
[[nodiscard]] bool has_scalar_type(DType dtype);

}  // namespace tenon
