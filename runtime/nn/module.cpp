#include <tenon/nn/module.h>

#include <ATen/ops/zeros.h>

namespace tenon::nn {

at::Tensor placeholder(at::IntArrayRef shape, at::ScalarType dtype) {
  return at::zeros({}, at::TensorOptions().dtype(dtype)).expand(shape).variable_data();
}

const Init* Module::init_of(const std::string& name) const {
  const auto found = inits_.find(name);
  return found == inits_.end() ? nullptr : &found->second;
}

at::Tensor Module::declare(const std::string& name, at::IntArrayRef shape, Init init, at::ScalarType dtype) {
  auto [owner, last] = level_of(name);
  owner->inits_[last] = init;
  return owner->register_parameter(last, placeholder(shape, dtype), /*requires_grad=*/false);
}

at::Tensor Module::declare_buffer(const std::string& name, at::IntArrayRef shape, Init init, at::ScalarType dtype) {
  auto [owner, last] = level_of(name);
  owner->inits_[last] = init;
  return owner->register_buffer(last, placeholder(shape, dtype));
}

std::pair<Module*, std::string> Module::level_of(const std::string& name) {
  const auto dot = name.find('.');
  if (dot == std::string::npos) return {this, name};
  const auto first = name.substr(0, dot);
  auto& level = levels_[first];
  if (!level) level = register_module(first, std::make_shared<Module>());
  return level->level_of(name.substr(dot + 1));
}

}  // namespace tenon::nn
