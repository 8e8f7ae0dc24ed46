#include "mlp.h"

#include <ATen/ops/relu.h>

namespace consumer {
namespace {

tenon::Result<std::shared_ptr<torch::nn::Module>> make(const tenon::Config& config) {
  return std::make_shared<Mlp>(config.int_or("inputs", 0), config.int_or("hidden", 0), config.int_or("outputs", 0));
}

tenon::Result<tenon::NamedTensors> run(torch::nn::Module& module,
                                       const tenon::Config&,
                                       const tenon::NamedTensors& inputs) {
  auto x = inputs.find("x");
  if (x == inputs.end()) return tenon::fail(tenon::ErrorKind::kUsage, "MLP-INPUT", "no input x");
  return tenon::NamedTensors{{"y", dynamic_cast<Mlp&>(module).forward(x->second)}};
}

}  // namespace

Mlp::Mlp(std::int64_t inputs, std::int64_t hidden, std::int64_t outputs)
    : first(child<tenon::nn::Linear>("first", inputs, hidden)),
      second(child<tenon::nn::Linear>("second", hidden, outputs)) {}

at::Tensor Mlp::forward(const at::Tensor& x) const { return second->forward(at::relu(first->forward(x))); }

const tenon::FamilyModule& mlp_module() {
  static const tenon::FamilyModule module{.name = "mlp", .tables = &mlp_tables(), .make = make, .run = run};
  return module;
}

}  // namespace consumer
