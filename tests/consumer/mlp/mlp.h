// A family outside of tenon's own tree: one folder, one YAML.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <tenon/family_module.h>
#include <tenon/nn/layers.h>
#include <tenon/nn/module.h>

namespace consumer {

struct Mlp : tenon::nn::Module {
  Mlp(std::int64_t inputs, std::int64_t hidden, std::int64_t outputs);
  static std::string family() { return "mlp"; }
  at::Tensor forward(const at::Tensor& x) const;  // [N, inputs] -> [N, outputs]

  std::shared_ptr<tenon::nn::Linear> first;
  std::shared_ptr<tenon::nn::Linear> second;
};

const tenon::FamilyTables& mlp_tables();
const tenon::FamilyModule& mlp_module();

}  // namespace consumer
