// A module's tensors by name, with what fills them by default.
#pragma once

#include <map>
#include <string>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <tenon/nn/init.h>

namespace tenon::loading {

struct ModuleTensor {
  at::Tensor tensor;            // shares its TensorImpl with the module: set_data on it binds
  const nn::Init* init = nullptr;  // null: not one of tenon's modules, its own initialisation stands
  bool buffer = false;
};

using ModuleIndex = std::map<std::string, ModuleTensor, std::less<>>;

/// Every defined parameter and buffer under every name it has.
[[nodiscard]] ModuleIndex index_of(const torch::nn::Module& module);

}  // namespace tenon::loading
