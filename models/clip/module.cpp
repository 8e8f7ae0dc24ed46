// CLIP's LibTorch half for the loader: makes the module, checks the inputs of `run`, names its outputs.
#include <string>

#include <c10/core/InferenceMode.h>

#include <tenon/family_module.h>

#include <tenon/models/clip/clip.h>

namespace tenon::models {

const FamilyTables& clip_tables();

namespace {

Failure misfit(const std::string& input, const std::string& found, const std::string& required) {
  return fail(ErrorKind::kUsage,
              "TN-INPUT",
              "input " + input + ": " + found + "; this CLIP needs " + required + " [TN-INPUT]",
              "Write the inputs file anew with the tensor that this model needs.");
}

std::string type_text(const at::Tensor& tensor) {
  std::string text = std::string(c10::toString(tensor.scalar_type())) + " [";
  for (std::int64_t i = 0; i < tensor.dim(); ++i) text += (i ? ", " : "") + std::to_string(tensor.size(i));
  return text + "]";
}

Result<void> check_pixels(const at::Tensor& pixels, const ClipConfig& config) {
  const std::int64_t size = config.vit ? config.vit->image_size : config.resnet->image_size;
  const std::string required = "a float tensor [N, 3, " + std::to_string(size) + ", " + std::to_string(size) + "]";
  const bool fits = pixels.is_floating_point() && pixels.dim() == 4 && pixels.size(0) > 0 && pixels.size(1) == 3 &&
                    pixels.size(2) == size && pixels.size(3) == size;
  if (!fits) return misfit("pixel_values", type_text(pixels), required);
  return {};
}

Result<void> check_ids(const at::Tensor& ids, const ClipTextConfig& config) {
  const std::string required = "int64 [N, L] with L from 1 to " + std::to_string(config.context_length);
  const bool fits = ids.scalar_type() == at::kLong && ids.dim() == 2 && ids.size(0) > 0 && ids.size(1) > 0 &&
                    ids.size(1) <= config.context_length;
  if (!fits) return misfit("input_ids", type_text(ids), required);
  const auto low = ids.min().item<std::int64_t>();
  const auto high = ids.max().item<std::int64_t>();
  if (low < 0 || high >= config.vocab_size) {
    return misfit("input_ids",
                  "ids from " + std::to_string(low) + " to " + std::to_string(high),
                  "ids from 0 to " + std::to_string(config.vocab_size - 1));
  }
  return {};
}

void put(NamedTensors& out, const char* name, const at::Tensor& tensor) {
  if (tensor.defined()) out.emplace(name, tensor);
}

void put_tower(NamedTensors& out, const std::string& side, const ClipTower& tower) {
  put(out, (side + "_features").c_str(), tower.features);
  put(out, (side + "_pooled").c_str(), tower.pooled);
  put(out, (side + "_tokens").c_str(), tower.tokens);
  put(out, (side + "_penultimate").c_str(), tower.penultimate);
}

Result<void> check_inputs(const ClipConfig& config, const NamedTensors& inputs) {
  const bool vision = config.vit || config.resnet;
  for (const auto& [name, tensor] : inputs) {
    if (name == "pixel_values" && vision) {
      if (auto fits = check_pixels(tensor, config); !fits) return fits;
    } else if (name == "input_ids" && config.text) {
      if (auto fits = check_ids(tensor, *config.text); !fits) return fits;
    } else {
      const char* required = vision && config.text ? "pixel_values and/or input_ids"
                             : vision              ? "pixel_values alone: it has no text tower"
                                                   : "input_ids alone: it has no vision tower";
      return misfit("\"" + name + "\"", type_text(tensor), required);
    }
  }
  if (inputs.empty()) return misfit("file", "no tensors", vision ? "pixel_values" : "input_ids");
  return {};
}

Result<std::shared_ptr<torch::nn::Module>> make(const Config& config) {
  auto clip = read_clip_config(config);
  if (!clip) return Failure(clip.error());
  return std::make_shared<Clip>(*clip);
}

Result<NamedTensors> run(torch::nn::Module& module, const Config&, const NamedTensors& inputs) {
  const Clip& clip = dynamic_cast<Clip&>(module);
  if (auto fits = check_inputs(clip.config(), inputs); !fits) return Failure(fits.error());
  const c10::InferenceMode inference;
  NamedTensors out;
  const auto pixels = inputs.find("pixel_values");
  const auto ids = inputs.find("input_ids");
  if (pixels != inputs.end()) put_tower(out, "image", clip.encode_image(pixels->second));
  if (ids != inputs.end()) put_tower(out, "text", clip.encode_text(ids->second));
  if (out.contains("image_features") && out.contains("text_features") && clip.config().logit_scale) {
    out.emplace("logits_per_image", clip.logits_per_image(out.at("image_features"), out.at("text_features")));
  }
  return out;
}

}  // namespace

const FamilyModule& clip_module() {
  static const FamilyModule module{.name = "clip", .tables = &clip_tables(), .make = make, .run = run};
  return module;
}

}  // namespace tenon::models
