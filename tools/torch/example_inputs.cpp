#include "tools/torch/example_inputs.h"

#include <ATen/Functions.h>

#include <array>

namespace tenon::tools {
namespace {

// A size is a number, or [height, width].
std::array<std::int64_t, 2> size_or(const Config& config, const std::string& key, std::int64_t otherwise) {
  const Value* value = config.find(key);
  const Value::List* list = value == nullptr ? nullptr : value->as_list();
  if (list != nullptr && list->size() == 2) {
    return {(*list)[0].as_int().value_or(otherwise), (*list)[1].as_int().value_or(otherwise)};
  }
  const std::int64_t side = config.int_or(key, otherwise);
  return {side, side};
}

NamedTensors vit(const Config& config, std::int64_t batch) {
  const auto [height, width] = size_or(config, "img_size", 224);
  return {{"pixel_values", at::randn({batch, config.int_or("in_chans", 3), height, width})}};
}

NamedTensors clip(const Config& config, std::int64_t batch) {
  NamedTensors inputs;
  if (config.has("vision_cfg.layers")) {
    const auto [height, width] = size_or(config, "vision_cfg.image_size", 224);
    inputs.emplace("pixel_values", at::randn({batch, 3, height, width}));
  }
  if (config.has("text_cfg.layers")) {
    inputs.emplace("input_ids", at::randint(config.int_or("text_cfg.vocab_size", 49408),
                                            {batch, config.int_or("text_cfg.context_length", 77)}, at::kLong));
  }
  return inputs;
}

// Latents and prompts of the sizes that the released models are used at.
NamedTensors unet(const Config& config, std::int64_t batch) {
  const std::int64_t channels = config.int_or("in_channels", 4);
  const std::int64_t context = config.int_or("cross_attention_dim", 768);
  const std::int64_t added = config.int_or("projection_class_embeddings_input_dim", 0);
  const std::int64_t per_id = config.int_or("addition_time_embed_dim", 256);
  NamedTensors inputs{{"timestep", at::full({batch}, 500, at::kLong)}};
  const Value* kind = config.find("_class_name");
  if (kind != nullptr && *kind == Value("UNetSpatioTemporalConditionModel")) {
    const std::int64_t frames = config.int_or("num_frames", 14);
    inputs.emplace("sample", at::randn({batch, frames, channels, 72, 128}));
    inputs.emplace("encoder_hidden_states", at::randn({batch, 1, context}));
    inputs.emplace("added_time_ids", at::ones({batch, added / per_id}));
    return inputs;
  }
  constexpr std::int64_t kTimeIds = 6;  // SDXL: original size, crop, target size
  const std::int64_t side = added > 0 ? 128 : 64;
  inputs.emplace("sample", at::randn({batch, channels, side, side}));
  inputs.emplace("encoder_hidden_states", at::randn({batch, 77, context}));
  if (added > kTimeIds * per_id) {
    inputs.emplace("text_embeds", at::randn({batch, added - kTimeIds * per_id}));
    inputs.emplace("time_ids", at::ones({batch, kTimeIds}));
  }
  return inputs;
}

NamedTensors photomaker(const Config& config, std::int64_t batch) {
  constexpr std::int64_t kPrompt = 77;
  const std::int64_t side = config.int_or("image_size", 224);
  const std::int64_t tokens = config.int_or("num_tokens", 1);
  at::Tensor mask = at::zeros({batch, kPrompt}, at::kBool);
  mask.narrow(1, 5, tokens).fill_(true);
  NamedTensors inputs{{"id_pixel_values", at::randn({batch, 1, 3, side, side})},
                      {"prompt_embeds", at::randn({batch, kPrompt, config.int_or("cross_attention_dim", 2048)})},
                      {"class_tokens_mask", mask}};
  if (config.has("id_embeddings_dim")) inputs.emplace("id_embeds", at::randn({batch, 1, config.int_or("id_embeddings_dim", 512)}));
  return inputs;
}

NamedTensors ip_adapter(const Config& config, std::int64_t batch) {
  constexpr std::int64_t kTokens = 257;  // of a CLIP tower with patches of 14 at 224
  constexpr std::int64_t kFace = 512;
  const std::int64_t width = config.int_or("embeddings_dim", 1024);
  const Value* projection = config.find("projection");
  const auto is = [projection](const char* name) { return projection != nullptr && *projection == Value(name); };
  if (is("face_plus")) {
    return {{"image_embeds", at::randn({batch, config.int_or("id_embeddings_dim", kFace)})},
            {"hidden_states", at::randn({batch, kTokens, width})}};
  }
  if (is("mlp") || (is("resampler") && width != kFace)) return {{"hidden_states", at::randn({batch, kTokens, width})}};
  return {{"image_embeds", at::randn({batch, width})}};
}

}  // namespace

NamedTensors example_inputs(const std::string& family, const Config& config, std::int64_t batch) {
  at::manual_seed(0);
  if (family == "vit") return vit(config, batch);
  if (family == "clip") return clip(config, batch);
  if (family == "unet") return unet(config, batch);
  if (family == "photomaker") return photomaker(config, batch);
  if (family == "ip_adapter") return ip_adapter(config, batch);
  return {};
}

NamedTensors with_batch(const NamedTensors& inputs, std::int64_t batch) {
  NamedTensors result;
  for (const auto& [name, tensor] : inputs) {
    if (tensor.dim() == 0 || tensor.size(0) == 0) {
      result.emplace(name, tensor);
      continue;
    }
    std::vector<std::int64_t> times(static_cast<std::size_t>(tensor.dim()), 1);
    times.front() = (batch + tensor.size(0) - 1) / tensor.size(0);
    result.emplace(name, tensor.repeat(times).narrow(0, 0, batch).contiguous());
  }
  return result;
}

}  // namespace tenon::tools
