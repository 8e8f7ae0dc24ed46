#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <tenon/family_module.h>
#include <tenon/models/unet/inputs.h>
#include <tenon/models/unet/unet.h>

namespace tenon::models {

const FamilyTables& unet_tables();

namespace {

Result<std::shared_ptr<torch::nn::Module>> make(const Config& config) {
  auto structure = unet::read_structure(config);
  if (!structure) return tl::unexpected(structure.error());
  return std::make_shared<Unet>(std::move(*structure));
}

Result<NamedTensors> run(torch::nn::Module& module, const Config&, const NamedTensors& inputs) {
  const auto& unet = dynamic_cast<const Unet&>(module);
  const at::Tensor& weight = unet.entry_weight();
  auto read = unet::read_inputs(unet, inputs, weight.scalar_type(), weight.device());
  if (!read) return tl::unexpected(read.error());
  const c10::InferenceMode inference;
  return NamedTensors{{"sample", unet.forward(*read)}};
}

}  // namespace

const FamilyModule& unet_module() {
  static const FamilyModule module{.name = "unet", .tables = &unet_tables(), .make = make, .run = run};
  return module;
}

}  // namespace tenon::models
