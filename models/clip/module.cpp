// CLIP's LibTorch half for the loader: makes the module, checks the inputs of `run`, names its outputs.
#include <string>
#include <vector>

#include <c10/core/InferenceMode.h>

#include <tenon/family_module.h>

#include <tenon/models/clip/clip.h>
#include <tenon/nn/inputs.h>

namespace tenon::models {

const FamilyTables& clip_tables();

namespace {

/// Ids index a table: one that it does not have must not reach the forward.
Result<void> check_range(const at::Tensor& ids, std::int64_t vocab_size) {
  const auto low = ids.min().item<std::int64_t>();
  const auto high = ids.max().item<std::int64_t>();
  if (low >= 0 && high < vocab_size) return {};
  return fail(ErrorKind::kUsage,
              "TN-INPUT-SHAPE",
              "input \"input_ids\": ids from " + std::to_string(low) + " to " + std::to_string(high) +
                  "; this model's vocabulary has ids from 0 to " + std::to_string(vocab_size - 1) + " [TN-INPUT-SHAPE]",
              "Tokenize with the vocabulary that this model was trained with.");
}

struct ClipInputs {
  at::Tensor pixel_values;  // undefined: none
  at::Tensor input_ids;
};

Result<ClipInputs> take_inputs(const ClipConfig& config, const NamedTensors& given) {
  nn::Inputs inputs(given);
  ClipInputs taken;
  const bool vision = config.vit || config.resnet;
  if (vision) {
    const std::int64_t side = config.vit ? config.vit->image_size : config.resnet->image_size;
    const std::vector<nn::Dim> shape{'N', 3, side, side};
    auto pixels = config.text ? inputs.take_optional("pixel_values", shape) : inputs.take("pixel_values", shape);
    if (!pixels) return Failure(pixels.error());
    taken.pixel_values = *pixels;
  }
  if (config.text) {
    const bool other = taken.pixel_values.defined();
    const std::vector<nn::Dim> shape{'M', 'L'};
    auto ids = other ? inputs.take_optional("input_ids", shape, nn::InputKind::kInteger)
                     : inputs.take("input_ids", shape, nn::InputKind::kInteger);
    if (!ids) return Failure(ids.error());
    taken.input_ids = *ids;
  }
  if (auto all = inputs.all_taken(); !all) return Failure(all.error());
  if (!taken.input_ids.defined()) return taken;
  if (taken.input_ids.size(1) > config.text->context_length) {
    return fail(ErrorKind::kUsage,
                "TN-INPUT-SHAPE",
                "input \"input_ids\": " + std::to_string(taken.input_ids.size(1)) + " tokens; this model has " +
                    std::to_string(config.text->context_length) + " positions [TN-INPUT-SHAPE]",
                "Cut the prompt to the model's context length.");
  }
  if (auto fits = check_range(taken.input_ids, config.text->vocab_size); !fits) return Failure(fits.error());
  return taken;
}

void put(NamedTensors& out, const char* name, const at::Tensor& tensor) {
  if (tensor.defined()) out.emplace(name, tensor);
}

void put_tower(NamedTensors& out, const std::string& side, const ClipTower& tower) {
  put(out, (side + "_features").c_str(), tower.features);
  put(out, (side + "_pooled").c_str(), tower.pooled);
  put(out, (side + "_tokens").c_str(), tower.tokens);
  put(out, (side + "_penultimate").c_str(), tower.penultimate);
  put(out, (side + "_penultimate_normed").c_str(), tower.penultimate_normed);
}

Result<std::shared_ptr<torch::nn::Module>> make(const Config& config) {
  auto clip = read_clip_config(config);
  if (!clip) return Failure(clip.error());
  return std::make_shared<Clip>(*clip);
}

Result<NamedTensors> run(torch::nn::Module& module, const Config&, const NamedTensors& inputs) {
  const Clip& clip = dynamic_cast<Clip&>(module);
  const auto taken = take_inputs(clip.config(), inputs);
  if (!taken) return Failure(taken.error());
  const c10::InferenceMode inference;
  NamedTensors out;
  if (taken->pixel_values.defined()) put_tower(out, "image", clip.encode_image(taken->pixel_values));
  if (taken->input_ids.defined()) put_tower(out, "text", clip.encode_text(taken->input_ids.to(at::kLong)));
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
