// CLIP's core half: config from shapes, native configs of open_clip and transformers.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <tenon/derive.h>
#include <tenon/family.h>
#include <tenon/native_config.h>

#include "families/embedded.h"

namespace tenon::models {
namespace {

/// The ratio that gives `hidden` again when it is multiplied and rounded down, as open_clip does.
Value mlp_ratio(std::int64_t hidden, std::int64_t width) {
  if (width <= 0) return nullptr;
  if (hidden % width == 0) return static_cast<double>(hidden / width);
  double ratio = static_cast<double>(hidden) / static_cast<double>(width);
  while (static_cast<std::int64_t>(std::floor(static_cast<double>(width) * ratio)) < hidden) {
    ratio = std::nextafter(ratio, ratio + 1);
  }
  return ratio;
}

std::vector<Value> head_choices(std::int64_t width, bool as_width) {
  std::vector<Value> choices;
  for (const std::int64_t head_width : {64, 80, 88, 104, 112, 128, 32, 16}) {
    if (width > 0 && width % head_width == 0) choices.emplace_back(as_width ? head_width : width / head_width);
  }
  return choices;
}

/// A native config writes the ratio with four digits: it holds when it gives the same width.
void set_mlp_ratio(ConfigBuilder& config, const std::string& key, std::int64_t hidden, std::int64_t width) {
  const auto asked = config.asked(key).as_double();
  const bool same = asked && static_cast<std::int64_t>(std::floor(static_cast<double>(width) * *asked)) == hidden;
  config.from_shapes(key, same ? Value(*asked) : mlp_ratio(hidden, width));
}

/// Shapes tell whether a value is there; its starting value, which inference does not need, only a native config tells.
void set_initial_value(ConfigBuilder& config, const std::string& key, bool present, double usual) {
  const auto asked = config.asked(key).as_double();
  config.from_shapes(key, present ? Value(asked.value_or(usual)) : Value(nullptr));
}

/// A size that only one tensor shows. Where a file lost that tensor, the commonest size stands in, so that the model can be
/// made and the tensor be named as missing.
void shown_or_common(ConfigBuilder& config, const char* key, const char* tensor, std::int64_t shown, std::int64_t common) {
  if (config.read(tensor).is_null()) {
    config.or_default(key, common);
  } else {
    config.from_shapes(key, shown);
  }
}

constexpr std::int64_t kCommonImage = 224;

/// Patches to a side of the image, from a table of positions that begins with one for the class or the mean.
std::int64_t grid_side(ConfigBuilder& config, const char* positions) {
  const auto patches = static_cast<double>(std::max<std::int64_t>(0, config.read_int(positions) - 1));
  return static_cast<std::int64_t>(std::llround(std::sqrt(patches)));
}

void vit_shapes(ConfigBuilder& config, bool both_towers) {
  const std::int64_t width = config.read_int("v_width");
  const std::int64_t grid = grid_side(config, "v_positions");
  const std::int64_t patch = config.read_int("v_patch", grid > 0 ? std::max<std::int64_t>(1, kCommonImage / grid) : 32);
  shown_or_common(config, "vision_cfg.image_size", "v_positions", grid * patch, kCommonImage);
  shown_or_common(config, "vision_cfg.patch_size", "v_patch", patch, patch);
  config.from_shapes("vision_cfg.width", width);
  config.from_shapes("vision_cfg.layers", config.read_int("v_layers"));
  set_mlp_ratio(config, "vision_cfg.mlp_ratio", config.read_int("v_hidden"), width);
  set_initial_value(config, "vision_cfg.ls_init_value", config.read_bool("v_layer_scale"), 1e-4);
  config.from_shapes("vision_cfg.no_ln_pre", !config.read_bool("v_ln_pre"));
  config.from_shapes("vision_cfg.proj_type", both_towers || config.read_bool("v_proj") ? "linear" : "none");
}

void resnet_shapes(ConfigBuilder& config) {
  shown_or_common(config, "vision_cfg.image_size", "rn_positions", grid_side(config, "rn_positions") * 32, kCommonImage);
  config.from_shapes("vision_cfg.width", config.read_int("rn_width"));
  Value::List layers;
  for (const char* layer : {"rn_layer1", "rn_layer2", "rn_layer3", "rn_layer4"}) layers.emplace_back(config.read_int(layer));
  config.from_shapes("vision_cfg.layers", std::move(layers));
}

void text_shapes(ConfigBuilder& config, bool both_towers) {
  const std::int64_t width = config.read_int("t_width");
  shown_or_common(config, "text_cfg.context_length", "t_context", config.read_int("t_context"), 77);
  shown_or_common(config, "text_cfg.vocab_size", "t_vocab", config.read_int("t_vocab"), 49408);
  config.from_shapes("text_cfg.width", width);
  config.from_shapes("text_cfg.layers", config.read_int("t_layers"));
  set_mlp_ratio(config, "text_cfg.mlp_ratio", config.read_int("t_hidden"), width);
  set_initial_value(config, "text_cfg.ls_init_value", config.read_bool("t_layer_scale"), 1e-4);
  config.from_shapes("text_cfg.proj_type", both_towers || config.read_bool("t_proj") ? "linear" : "none");
}

/// OpenAI's loader takes heads of width 64 and QuickGELU whatever the size; its layout therefore decides both.
constexpr std::int64_t kOpenAiHeadWidth = 64;

void what_shapes_cannot_tell(ConfigBuilder& config, bool openai, bool resnet, bool vit, bool text) {
  if (resnet) {
    if (openai || config.result().variant != "custom") {
      config.or_default("vision_cfg.head_width", kOpenAiHeadWidth);
    } else {
      config.cannot_tell("vision_cfg.head_width", head_choices(32 * config.read_int("rn_width"), /*as_width=*/true), true);
    }
  }
  if (vit) {
    const std::int64_t width = config.read_int("v_width");
    if (openai) {
      config.or_default("vision_cfg.head_width", kOpenAiHeadWidth);
    } else {
      config.cannot_tell("vision_cfg.head_width", head_choices(width, /*as_width=*/true), true);
    }
    config.or_default("vision_cfg.pool_type", "tok");
    config.or_default("vision_cfg.final_ln_after_pool", false);
    config.or_default("vision_cfg.norm_kwargs.eps", 1e-5);
  }
  if (text) {
    const std::int64_t width = config.read_int("t_width");
    if (openai) {
      config.or_default("text_cfg.heads", std::max<std::int64_t>(1, width / kOpenAiHeadWidth));
    } else {
      config.cannot_tell("text_cfg.heads", head_choices(width, /*as_width=*/false), true);
    }
    config.or_default("text_cfg.no_causal_mask", false);
    config.or_default("text_cfg.pool_type", "argmax");
    if (config.config().string_or("text_cfg.pool_type", "") == "eos") config.or_default("text_cfg.eos_id", 49407);
    config.or_default("text_cfg.norm_kwargs.eps", 1e-5);
  }
  if (!vit && !text) return;  // a ResNet tower has no GELU
  if (openai) {
    config.or_default("quick_gelu", true);
  } else {
    config.cannot_tell("quick_gelu", {true, false}, true);
  }
}

Derivation derive(const DeriveInput& input) {
  ConfigBuilder config("clip", input);
  const bool resnet = !config.read("rn_width").is_null();
  const bool vit = !resnet && !config.read("v_width").is_null();
  const bool text = !config.read("t_width").is_null();
  const bool both = (resnet || vit) && text;
  Value::List towers;
  if (resnet || vit) towers.emplace_back("vision");
  if (text) towers.emplace_back("text");
  config.from_shapes("towers", std::move(towers));
  if (!config.read("embed_dim").is_null()) config.from_shapes("embed_dim", config.read("embed_dim"));
  config.from_shapes("logit_scale", both || config.read_bool("logit_scale"));
  set_initial_value(config, "init_logit_bias", config.read_bool("logit_bias"), 0.0);
  if (vit) vit_shapes(config, both);
  if (resnet) resnet_shapes(config);
  if (text) text_shapes(config, both);
  config.choose_variant();
  what_shapes_cannot_tell(config, input.layout == "openai", resnet, vit, text);
  return config.finish();
}

/// What the class that a config is for always does, or takes where the config is silent.
void set_where_silent(Config& config, const std::string& side) {
  const auto set = [&](const char* key, Value value) {
    if (!config.has(side + key)) config.set(side + key, std::move(value));
  };
  set("norm_kwargs.eps", 1e-5);
  if (side == "vision_cfg.") {
    set("pool_type", "tok");
    set("final_ln_after_pool", false);
  } else {
    set("pool_type", "argmax");
    set("no_causal_mask", false);
  }
}

Config read_open_clip(const Config& native, const std::string& root) {
  Config config;
  for (const Config::Item& item : native.items()) {
    if (!item.key.starts_with(root)) continue;
    const std::string key = item.key.substr(root.size());
    if (key == "embed_dim" || key == "quick_gelu" || key == "init_logit_bias" || key.starts_with("vision_cfg.") ||
        key.starts_with("text_cfg.")) {
      if (!item.value.is_null()) config.set(key, item.value);
    }
  }
  if (!config.has("quick_gelu")) config.set("quick_gelu", false);
  if (native.has(root + "text_cfg.width")) set_where_silent(config, "text_cfg.");
  if (native.has(root + "vision_cfg.patch_size")) {
    set_where_silent(config, "vision_cfg.");
    if (!config.has("vision_cfg.head_width")) config.set("vision_cfg.head_width", 64);
  }
  return config;
}

/// transformers leaves out what equals its class defaults.
void read_transformers_tower(const Config& native, const std::string& root, const std::string& side, Config& config) {
  const bool vision = side == "vision_cfg.";
  const std::int64_t width = native.int_or(root + "hidden_size", vision ? 768 : 512);
  const std::int64_t heads = native.int_or(root + "num_attention_heads", vision ? 12 : 8);
  config.set(side + "width", width);
  config.set(side + "layers", native.int_or(root + "num_hidden_layers", 12));
  const std::int64_t hidden = native.int_or(root + "intermediate_size", vision ? 3072 : 2048);
  config.set(side + "mlp_ratio", mlp_ratio(hidden, width));
  config.set(side + "norm_kwargs.eps", native.double_or(root + "layer_norm_eps", 1e-5));
  config.set("quick_gelu", native.string_or(root + "hidden_act", "quick_gelu") == "quick_gelu");
  if (vision) {
    config.set(side + "patch_size", native.int_or(root + "patch_size", 32));
    config.set(side + "image_size", native.int_or(root + "image_size", 224));
    if (heads > 0 && width % heads == 0) config.set(side + "head_width", width / heads);
    set_where_silent(config, side);
    return;
  }
  config.set(side + "heads", heads);
  config.set(side + "vocab_size", native.int_or(root + "vocab_size", 49408));
  config.set(side + "context_length", native.int_or(root + "max_position_embeddings", 77));
  // Configs of the first conversions carry eos_token_id 2, which transformers reads as "the highest id".
  const std::int64_t eos = native.int_or(root + "eos_token_id", 49407);
  config.set(side + "pool_type", eos == 2 ? "argmax" : "eos");
  if (eos != 2) config.set(side + "eos_id", eos);
  set_where_silent(config, side);
}

Config read_transformers(const Config& native) {
  Config config;
  const std::string type = native.string_or("model_type", "");
  if (type == "clip") {
    read_transformers_tower(native, "text_config.", "text_cfg.", config);
    read_transformers_tower(native, "vision_config.", "vision_cfg.", config);
    config.set("embed_dim", native.int_or("projection_dim", 512));
  } else {
    const bool text = type == "clip_text_model";
    read_transformers_tower(native, "", text ? "text_cfg." : "vision_cfg.", config);
  }
  return config;
}

Result<Config> read_native_config(const ConfigText& text, std::span<const Variant>) {
  auto native = flatten_native_config(text);
  if (!native) return native;
  const std::string type = native->string_or("model_type", "");
  if (type == "clip" || type == "clip_text_model" || type == "clip_vision_model") return read_transformers(*native);
  for (const std::string root : {"model_cfg.", ""}) {
    if (native->has(root + "embed_dim") && native->has(root + "vision_cfg.width")) return read_open_clip(*native, root);
  }
  return Config{};
}

}  // namespace

const FamilyTables& clip_tables() {
  static const FamilyTables tables{.name = "clip",
                                   .yaml = embedded::clip_yaml(),
                                   .derive = derive,
                                   .read_native_config = read_native_config,
                                   .emit_rows = nullptr};
  return tables;
}

}  // namespace tenon::models
