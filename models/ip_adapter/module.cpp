// IP-Adapter's LibTorch half for the loader: makes the module, checks the inputs of `run`, names its output.
#include <string>

#include <c10/core/InferenceMode.h>

#include <tenon/family_module.h>
#include <tenon/models/ip_adapter/attach.h>
#include <tenon/models/ip_adapter/ip_adapter.h>

namespace tenon::models {

const FamilyTables& ip_adapter_tables();

namespace {

Failure misfit(const std::string& input, const std::string& found, const std::string& required) {
  return fail(ErrorKind::kUsage,
              "TN-INPUT",
              "input " + input + ": " + found + "; this IP-Adapter needs " + required + " [TN-INPUT]",
              "Write the inputs file anew with the tensor that this adapter needs.");
}

std::string type_text(const at::Tensor& tensor) {
  std::string text = std::string(c10::toString(tensor.scalar_type())) + " [";
  for (std::int64_t i = 0; i < tensor.dim(); ++i) text += (i ? ", " : "") + std::to_string(tensor.size(i));
  return text + "]";
}

bool reads_hidden_states(const IpAdapterConfig& c) {
  return c.projection == IpProjection::kMlp || c.projection == IpProjection::kFacePlus ||
         c.projection == IpProjection::kResampler;
}

bool reads_embeds(const IpAdapterConfig& c) {
  return c.projection != IpProjection::kMlp && c.projection != IpProjection::kResampler;
}

/// portrait-unnorm is a resampler over faces: it takes them as `image_embeds`, like the other face adapters.
bool faces_as_states(const IpAdapterConfig& c) {
  return c.projection == IpProjection::kResampler && c.embeddings_dim == c.id_embeddings_dim;
}

Result<void> check_embeds(const at::Tensor& embeds, const IpAdapterConfig& c) {
  const std::int64_t width = c.projection == IpProjection::kFacePlus ? c.id_embeddings_dim : c.embeddings_dim;
  const bool sequence = c.projection == IpProjection::kFace || faces_as_states(c);
  const bool rank_fits = embeds.dim() == 2 || (sequence && embeds.dim() == 3 && embeds.size(1) > 0);
  if (embeds.is_floating_point() && rank_fits && embeds.size(0) > 0 && embeds.size(-1) == width) return {};
  return misfit("image_embeds",
                type_text(embeds),
                "floats [N, " + std::to_string(width) + "]" +
                    (sequence ? " or [N, faces, " + std::to_string(width) + "]" : ""));
}

Result<void> check_states(const at::Tensor& states, const IpAdapterConfig& c) {
  const bool fits = states.is_floating_point() && states.dim() == 3 && states.size(0) > 0 && states.size(1) > 0 &&
                    states.size(2) == c.embeddings_dim;
  if (fits) return {};
  return misfit("hidden_states", type_text(states), "floats [N, T, " + std::to_string(c.embeddings_dim) + "]");
}

Result<void> check_inputs(const IpAdapterConfig& c, const NamedTensors& inputs) {
  const bool embeds = reads_embeds(c) || faces_as_states(c);
  const bool states = reads_hidden_states(c) && !faces_as_states(c);
  const std::string required = embeds && states ? "image_embeds and hidden_states"
                               : embeds         ? "image_embeds alone"
                                                : "hidden_states alone";
  for (const auto& [name, tensor] : inputs) {
    const bool known = (name == "image_embeds" && embeds) || (name == "hidden_states" && states);
    if (!known) return misfit("\"" + name + "\"", type_text(tensor), required);
  }
  if (embeds && !inputs.contains("image_embeds")) return misfit("image_embeds", "missing", required);
  if (states && !inputs.contains("hidden_states")) return misfit("hidden_states", "missing", required);
  if (embeds) {
    if (auto fits = check_embeds(inputs.at("image_embeds"), c); !fits) return fits;
  }
  if (states) {
    if (auto fits = check_states(inputs.at("hidden_states"), c); !fits) return fits;
  }
  if (embeds && states && inputs.at("image_embeds").size(0) != inputs.at("hidden_states").size(0)) {
    return misfit("hidden_states",
                  std::to_string(inputs.at("hidden_states").size(0)) + " images",
                  "as many as image_embeds has: " + std::to_string(inputs.at("image_embeds").size(0)));
  }
  return {};
}

Result<std::shared_ptr<torch::nn::Module>> make(const Config& config) {
  auto read = read_ip_adapter_config(config);
  if (!read) return Failure(read.error());
  return std::make_shared<IpAdapter>(*read);
}

Result<NamedTensors> run(torch::nn::Module& module, const Config&, const NamedTensors& inputs) {
  const IpAdapter& adapter = dynamic_cast<IpAdapter&>(module);
  if (auto fits = check_inputs(adapter.config(), inputs); !fits) return Failure(fits.error());
  const c10::InferenceMode inference;
  const auto input = [&](const char* name) {
    const auto found = inputs.find(name);
    return found == inputs.end() ? at::Tensor() : found->second;
  };
  at::Tensor embeds = input("image_embeds");
  if (faces_as_states(adapter.config()) && embeds.dim() == 2) embeds = embeds.unsqueeze(1);
  return NamedTensors{{"ip_tokens", adapter.forward(embeds, input("hidden_states"))}};
}

Result<void> attach_to(const std::shared_ptr<torch::nn::Module>& self, torch::nn::Module& base) {
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
