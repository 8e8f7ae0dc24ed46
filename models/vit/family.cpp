// What the rest of tenon knows of the family: how to make the module and how to run it.
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <tenon/family_module.h>
#include <tenon/nn/inputs.h>

#include "models/vit/vit.h"

namespace tenon::models {

const FamilyTables& vit_tables();

namespace {

Result<std::shared_ptr<torch::nn::Module>> make(const Config& config) {
  const auto parsed = VitConfig::from(config);
  if (!parsed) return tl::unexpected(parsed.error());
  return std::make_shared<Vit>(*parsed);
}

Result<NamedTensors> run(torch::nn::Module& module, const Config&, const NamedTensors& given) {
  const auto& vit = dynamic_cast<const Vit&>(module);
  const auto& config = vit.config();
  if (config.num_heads == 0) {
    return fail(ErrorKind::kUsage, "TN-CONFIG-VALUE", "num_heads is not known; the forward needs it [TN-CONFIG-VALUE]", "--set num_heads=N");
  }
  nn::Inputs inputs(given);
  const auto images = inputs.take("pixel_values", {'N', config.in_chans, config.img_size[0], config.img_size[1]});
  if (!images) return tl::unexpected(images.error());
  if (auto known = inputs.all_taken(); !known) return tl::unexpected(known.error());

  const c10::InferenceMode inference;
  const auto out = vit.forward_all(*images);
  NamedTensors outputs{{"tokens", out.tokens}, {"features", out.features}};
  if (out.logits.defined()) outputs.emplace("logits", out.logits);
  return outputs;
}

}  // namespace

const FamilyModule& vit_module() {
  static const FamilyModule module{"vit", &vit_tables(), make, run};
  return module;
}

}  // namespace tenon::models
