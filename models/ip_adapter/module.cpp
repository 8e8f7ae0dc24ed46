// IP-Adapter's LibTorch half for the loader: makes the module, checks the inputs of `run`, names its output.
#include <string>

#include <c10/core/InferenceMode.h>

#include <tenon/family_module.h>
#include <tenon/models/ip_adapter/attach.h>
#include <tenon/models/ip_adapter/ip_adapter.h>
#include <tenon/nn/inputs.h>

namespace tenon::models {

const FamilyTables& ip_adapter_tables();

namespace {

constexpr std::int64_t kFaceWidth = 512;  // ArcFace embeddings

/// portrait-unnorm is a resampler over faces: it takes them as `image_embeds`, like the other face adapters.
bool faces_as_states(const IpAdapterConfig& c) {
  return c.projection == IpProjection::kResampler && c.embeddings_dim == kFaceWidth;
}

struct AdapterInputs {
  at::Tensor image_embeds;   // undefined: not read by this projector
  at::Tensor hidden_states;
};

Result<at::Tensor> take_embeds(nn::Inputs& inputs, const IpAdapterConfig& c, const NamedTensors& given) {
  const std::int64_t width = c.projection == IpProjection::kFacePlus ? c.id_embeddings_dim : c.embeddings_dim;
  const bool sequence = c.projection == IpProjection::kFace || faces_as_states(c);
  const auto found = given.find("image_embeds");
  if (sequence && found != given.end() && found->second.dim() == 3) return inputs.take("image_embeds", {'N', 'F', width});
  return inputs.take("image_embeds", {'N', width});
}

Result<AdapterInputs> take_inputs(const IpAdapterConfig& c, const NamedTensors& given) {
  nn::Inputs inputs(given);
  AdapterInputs taken;
  const bool states_only = c.projection == IpProjection::kMlp || (c.projection == IpProjection::kResampler && !faces_as_states(c));
  if (!states_only) {
    auto embeds = take_embeds(inputs, c, given);
    if (!embeds) return Failure(embeds.error());
    taken.image_embeds = *embeds;
  }
  if (states_only || c.projection == IpProjection::kFacePlus) {
    auto states = inputs.take("hidden_states", {'N', 'T', c.embeddings_dim});
    if (!states) return Failure(states.error());
    taken.hidden_states = *states;
  }
  if (auto all = inputs.all_taken(); !all) return Failure(all.error());
  if (faces_as_states(c) && taken.image_embeds.dim() == 2) taken.image_embeds = taken.image_embeds.unsqueeze(1);
  return taken;
}

Result<std::shared_ptr<torch::nn::Module>> make(const Config& config) {
  auto read = read_ip_adapter_config(config);
  if (!read) return Failure(read.error());
  return std::make_shared<IpAdapter>(*read);
}

Result<NamedTensors> run(torch::nn::Module& module, const Config&, const NamedTensors& inputs) {
  const IpAdapter& adapter = dynamic_cast<IpAdapter&>(module);
  const auto taken = take_inputs(adapter.config(), inputs);
  if (!taken) return Failure(taken.error());
  const c10::InferenceMode inference;
  return NamedTensors{{"ip_tokens", adapter.forward(taken->image_embeds, taken->hidden_states)}};
}

Result<std::string> attach_to(const std::shared_ptr<torch::nn::Module>& self, torch::nn::Module& base) {
  auto* unet = dynamic_cast<Unet*>(&base);
  if (!unet) {
    return fail(ErrorKind::kUsage,
                "TN-PAIR-ATTACH",
                "adapter: an IP-Adapter joins a UNet; the model is another family [TN-PAIR-ATTACH]",
                "Name the UNet as the checkpoint and the IP-Adapter with --with adapter=CKPT.");
  }
  return attach(std::dynamic_pointer_cast<IpAdapter>(self), *unet);
}

}  // namespace

const FamilyModule& ip_adapter_module() {
  static const FamilyModule module{.name = "ip_adapter", .tables = &ip_adapter_tables(), .make = make, .run = run, .attach = attach_to};
  return module;
}

}  // namespace tenon::models
