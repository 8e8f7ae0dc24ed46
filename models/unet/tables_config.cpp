// Structure -> config keys, as diffusers spells them.
#include <algorithm>
#include <utility>

#include "models/unet/structure.h"

namespace tenon::models::unet {
namespace {

bool uniform(const std::vector<std::int64_t>& values) {
  return std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end();
}

Value list(const std::vector<std::int64_t>& values) { return Value(Value::List(values.begin(), values.end())); }

/// One number where all agree, else one a level.
Value shortest(const std::vector<std::int64_t>& values) { return uniform(values) ? Value(values.front()) : list(values); }

/// The one depth of a level, of its blocks and (at the deepest) the middle; 0: no attention, -1: they differ.
std::int64_t level_depth(const Structure& s, std::size_t i) {
  const auto& level = s.levels[i];
  std::vector<std::int64_t> all;
  if (level.down_attends()) all.insert(all.end(), level.down.begin(), level.down.end());
  if (level.up_attends()) all.insert(all.end(), level.up.begin(), level.up.end());
  if (i + 1 == s.levels.size() && s.mid == Mid::kAttention) all.push_back(s.mid_depth);
  if (all.empty()) return 0;
  return uniform(all) ? all.front() : -1;
}

/// Published models with a bare middle spell every layer out, even where one number a level would do.
bool spelled_out(const Structure& s) {
  if (s.mid == Mid::kResidual) return true;
  for (std::size_t i = 0; i < s.levels.size(); ++i) {
    if (level_depth(s, i) < 0) return true;
  }
  return false;
}

void set_depths(const Structure& s, Config& config, ConfigOrigin origin) {
  if (!spelled_out(s)) {
    std::vector<std::int64_t> present;
    std::vector<std::int64_t> all;
    for (std::size_t i = 0; i < s.levels.size(); ++i) {
      const auto depth = level_depth(s, i);
      if (depth > 0) present.push_back(depth);
      all.push_back(std::max<std::int64_t>(depth, 1));
    }
    if (present.empty()) return;
    config.set("transformer_layers_per_block", uniform(present) ? Value(present.front()) : list(all), origin);
    return;
  }
  Value::List down;
  Value::List up;
  for (const auto& level : s.levels) {
    down.push_back(level.down_attends() ? list(level.down) : Value(1));
    up.insert(up.begin(), level.up_attends() ? list(level.up) : Value(1));
  }
  if (s.mid == Mid::kAttention && !s.levels.back().down_attends()) down.back() = Value(s.mid_depth);
  config.set("transformer_layers_per_block", down, origin);
  config.set("reverse_transformer_layers_per_block", up, origin);
}

void set_blocks(const Structure& s, Config& config, ConfigOrigin origin) {
  const std::string kind = s.video ? "BlockSpatioTemporal" : "Block2D";
  Value::List down;
  Value::List up;
  std::vector<std::int64_t> widths;
  std::vector<std::int64_t> layers;
  for (const auto& level : s.levels) {
    down.emplace_back((level.down_attends() ? "CrossAttnDown" : "Down") + kind);
    up.insert(up.begin(), Value((level.up_attends() ? "CrossAttnUp" : "Up") + kind));
    widths.push_back(level.width);
    layers.push_back(level.layers());
  }
  config.set("down_block_types", down, origin);
  if (!s.video) {
    config.set("mid_block_type",
               s.mid == Mid::kAttention   ? Value("UNetMidBlock2DCrossAttn")
               : s.mid == Mid::kResidual ? Value("UNetMidBlock2D")
                                         : Value(nullptr),
               origin);
  }
  config.set("up_block_types", up, origin);
  config.set("block_out_channels", list(widths), origin);
  config.set("layers_per_block", shortest(layers), origin);
}

void set_label(const Structure& s, Config& config, ConfigOrigin origin) {
  constexpr auto kWidth = "projection_class_embeddings_input_dim";
  switch (s.label) {
    case Label::kNone:
      return;
    case Label::kAdded:
      if (!s.video) config.set("addition_embed_type", "text_time", origin);
      config.set(kWidth, s.label_width, origin);
      return;
    case Label::kClassProjection:
      config.set("class_embed_type", "projection", origin);
      config.set(kWidth, s.label_width, origin);
      return;
    case Label::kClassEmbedding:
      config.set("num_class_embeds", s.label_width, origin);
      return;
  }
}

}  // namespace

Config shape_config(const Structure& s, ConfigOrigin origin) {
  Config config;
  config.set("_class_name", s.video ? "UNetSpatioTemporalConditionModel" : "UNet2DConditionModel", origin);
  config.set("in_channels", s.in_channels, origin);
  config.set("out_channels", s.out_channels, origin);
  set_blocks(s, config, origin);
  set_depths(s, config, origin);
  if (s.context > 0) config.set("cross_attention_dim", s.context, origin);
  if (s.context > 0 && !s.video) config.set("use_linear_projection", s.linear_projection, origin);
  set_label(s, config, origin);
  if (s.time_cond_width > 0) config.set("time_cond_proj_dim", s.time_cond_width, origin);
  if (s.scale_shift) config.set("resnet_time_scale_shift", "scale_shift", origin);
  return config;
}

}  // namespace tenon::models::unet
