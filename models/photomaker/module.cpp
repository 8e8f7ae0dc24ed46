// PhotoMaker's LibTorch half for the loader: makes the encoder, checks the inputs of `run`, names its output.
#include <string>

#include <c10/core/InferenceMode.h>

#include <tenon/family_module.h>
#include <tenon/models/photomaker/photomaker.h>
#include <tenon/nn/inputs.h>

namespace tenon::models {

const FamilyTables& photomaker_tables();

namespace {

struct PhotoMakerInputs {
  at::Tensor id_pixel_values;
  at::Tensor prompt_embeds;
  at::Tensor class_tokens_mask;
  at::Tensor id_embeds;  // v2
};

/// Each prompt must mark as many tokens as its images give.
Result<void> check_marks(const PhotoMaker& model, const PhotoMakerInputs& taken) {
  const at::Tensor marked = taken.class_tokens_mask.sum(1);
  const std::int64_t tokens = taken.id_pixel_values.size(1) * model.tokens_per_image();
  if (marked.eq(tokens).all().item<bool>()) return {};
  return fail(ErrorKind::kUsage,
              "TN-INPUT-SHAPE",
              "input \"class_tokens_mask\": " + std::to_string(marked[0].item<std::int64_t>()) +
                  " true values in the first prompt; this model needs " + std::to_string(tokens) + " in each, " +
                  std::to_string(model.tokens_per_image()) + " per image (v1: 1, v2: 2) [TN-INPUT-SHAPE]",
              "Repeat the class word once per ID token and mark those positions.");
}

Result<PhotoMakerInputs> take_inputs(const PhotoMaker& model, const NamedTensors& given) {
  const PhotoMakerConfig& c = model.config();
  nn::Inputs inputs(given);
  auto pixels = inputs.take("id_pixel_values", {'N', 'I', 3, c.image_size, c.image_size});
  if (!pixels) return Failure(pixels.error());
  auto prompt = inputs.take("prompt_embeds", {'N', 'P', c.cross_attention_dim});
  if (!prompt) return Failure(prompt.error());
  auto mask = inputs.take("class_tokens_mask", {'N', 'P'}, nn::InputKind::kBoolOrInteger);
  if (!mask) return Failure(mask.error());
  PhotoMakerInputs taken{*pixels, *prompt, mask->to(at::kBool), {}};
  if (c.v2) {
    auto embeds = inputs.take("id_embeds", {'N', 'I', c.id_embeddings_dim});
    if (!embeds) return Failure(embeds.error());
    taken.id_embeds = *embeds;
  }
  if (auto all = inputs.all_taken(); !all) return Failure(all.error());
  if (auto fits = check_marks(model, taken); !fits) return Failure(fits.error());
  return taken;
}

Result<std::shared_ptr<torch::nn::Module>> make(const Config& config) {
  auto read = read_photomaker_config(config);
  if (!read) return Failure(read.error());
  return std::make_shared<PhotoMaker>(*read);
}

Result<NamedTensors> run(torch::nn::Module& module, const Config&, const NamedTensors& inputs) {
  const PhotoMaker& model = dynamic_cast<PhotoMaker&>(module);
  const auto taken = take_inputs(model, inputs);
  if (!taken) return Failure(taken.error());
  const c10::InferenceMode inference;
  return NamedTensors{{"prompt_embeds",
                       model.forward(taken->id_pixel_values, taken->prompt_embeds, taken->class_tokens_mask, taken->id_embeds)}};
}

}  // namespace

const FamilyModule& photomaker_module() {
  static const FamilyModule module{.name = "photomaker", .tables = &photomaker_tables(), .make = make, .run = run};
  return module;
}

}  // namespace tenon::models
