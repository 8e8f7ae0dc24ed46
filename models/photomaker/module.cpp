// PhotoMaker's LibTorch half for the loader: makes the encoder, checks the inputs of `run`, names its output.
#include <string>

#include <c10/core/InferenceMode.h>

#include <tenon/family_module.h>
#include <tenon/models/photomaker/photomaker.h>

namespace tenon::models {

const FamilyTables& photomaker_tables();

namespace {

Failure misfit(const std::string& input, const std::string& found, const std::string& required) {
  return fail(ErrorKind::kUsage,
              "TN-INPUT",
              "input " + input + ": " + found + "; this PhotoMaker needs " + required + " [TN-INPUT]",
              "Write the inputs file anew with the tensor that this encoder needs.");
}

std::string type_text(const at::Tensor& tensor) {
  std::string text = std::string(c10::toString(tensor.scalar_type())) + " [";
  for (std::int64_t i = 0; i < tensor.dim(); ++i) text += (i ? ", " : "") + std::to_string(tensor.size(i));
  return text + "]";
}

/// -1 stands for any size; the letters of `required` say which must agree.
bool is_float(const at::Tensor& tensor, std::initializer_list<std::int64_t> shape) {
  if (!tensor.is_floating_point() || tensor.dim() != static_cast<std::int64_t>(shape.size())) return false;
  std::int64_t i = 0;
  for (const std::int64_t size : shape) {
    const std::int64_t found = tensor.size(i++);
    if (found == 0 || (size >= 0 && found != size)) return false;
  }
  return true;
}

Result<void> check_presence(const PhotoMaker& model, const NamedTensors& inputs) {
  for (const char* name : {"id_pixel_values", "prompt_embeds", "class_tokens_mask", "id_embeds"}) {
    const bool needed = std::string_view(name) != "id_embeds" || model.config().v2;
    if (needed && !inputs.contains(name)) {
      return misfit(name, "missing", model.config().v2 ? "id_pixel_values, prompt_embeds, class_tokens_mask and id_embeds (v2)"
                                                       : "id_pixel_values, prompt_embeds and class_tokens_mask (v1)");
    }
    if (!needed && inputs.contains(name)) return misfit(name, "present", "none: only v2 takes a face embedding");
  }
  for (const auto& [name, tensor] : inputs) {
    if (name != "id_pixel_values" && name != "prompt_embeds" && name != "class_tokens_mask" && name != "id_embeds") {
      return misfit("\"" + name + "\"", type_text(tensor), "no input of that name");
    }
  }
  return {};
}

Result<void> check_inputs(const PhotoMaker& model, const NamedTensors& inputs) {
  if (auto present = check_presence(model, inputs); !present) return present;
  const PhotoMakerConfig& c = model.config();
  const at::Tensor& pixels = inputs.at("id_pixel_values");
  const std::string side = std::to_string(c.image_size);
  if (!is_float(pixels, {-1, -1, 3, c.image_size, c.image_size})) {
    return misfit("id_pixel_values", type_text(pixels), "floats [N, I, 3, " + side + ", " + side + "]");
  }
  const std::int64_t prompts = pixels.size(0);
  const at::Tensor& prompt = inputs.at("prompt_embeds");
  if (!is_float(prompt, {prompts, -1, c.cross_attention_dim})) {
    return misfit("prompt_embeds",
                  type_text(prompt),
                  "floats [" + std::to_string(prompts) + ", P, " + std::to_string(c.cross_attention_dim) + "]");
  }
  const at::Tensor& mask = inputs.at("class_tokens_mask");
  const bool mask_type = mask.scalar_type() == at::kBool || mask.scalar_type() == at::kByte;
  if (!mask_type || mask.sizes() != prompt.sizes().slice(0, 2)) {
    return misfit("class_tokens_mask",
                  type_text(mask),
                  "bool or U8 [" + std::to_string(prompts) + ", " + std::to_string(prompt.size(1)) + "]");
  }
  if (c.v2 && !is_float(inputs.at("id_embeds"), {prompts, pixels.size(1), c.id_embeddings_dim})) {
    return misfit("id_embeds",
                  type_text(inputs.at("id_embeds")),
                  "floats [" + std::to_string(prompts) + ", " + std::to_string(pixels.size(1)) + ", " +
                      std::to_string(c.id_embeddings_dim) + "]");
  }
  const at::Tensor marked = mask.to(at::kBool).sum(1);
  const std::int64_t tokens = pixels.size(1) * model.tokens_per_image();
  if (!marked.eq(tokens).all().item<bool>()) {
    return misfit("class_tokens_mask",
                  std::to_string(marked[0].item<std::int64_t>()) + " true values in the first prompt",
                  std::to_string(tokens) + " in each: " + std::to_string(model.tokens_per_image()) +
                      " per image (v1: 1, v2: 2)");
  }
  return {};
}

Result<std::shared_ptr<torch::nn::Module>> make(const Config& config) {
  auto read = read_photomaker_config(config);
  if (!read) return Failure(read.error());
  return std::make_shared<PhotoMaker>(*read);
}

Result<NamedTensors> run(torch::nn::Module& module, const Config&, const NamedTensors& inputs) {
  const PhotoMaker& model = dynamic_cast<PhotoMaker&>(module);
  if (auto fits = check_inputs(model, inputs); !fits) return Failure(fits.error());
  const c10::InferenceMode inference;
  const at::Tensor id_embeds = model.config().v2 ? inputs.at("id_embeds") : at::Tensor();
  return NamedTensors{{"prompt_embeds",
                       model.forward(inputs.at("id_pixel_values"),
                                     inputs.at("prompt_embeds"),
                                     inputs.at("class_tokens_mask").to(at::kBool),
                                     id_embeds)}};
}

}  // namespace

const FamilyModule& photomaker_module() {
  static const FamilyModule module{.name = "photomaker", .tables = &photomaker_tables(), .make = make, .run = run};
  return module;
}

}  // namespace tenon::models
