// Config keys -> Structure.
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "models/unet/structure.h"

namespace tenon::models::unet {
namespace {

struct Refusal {
  std::string message;
};

[[noreturn]] void refuse(const std::string& message) { throw Refusal{message}; }

std::string quoted(std::string_view key) { return "\"" + std::string(key) + "\""; }

std::string shown(const Value& value) {
  auto text = to_string(value);
  if (text.size() > 80) text.replace(77, std::string::npos, "...");
  return text;
}

bool absent(const Config& config, std::string_view key) {
  const auto* value = config.find(key);
  return value == nullptr || value->is_null();
}

std::int64_t bounded(const Value& value, std::string_view key, std::int64_t lowest, std::int64_t highest) {
  const auto number = value.as_int();
  if (!number || *number < lowest || *number > highest) {
    refuse(quoted(key) + " is " + shown(value) + "; it must be a whole number from " + std::to_string(lowest) +
           " to " + std::to_string(highest));
  }
  return *number;
}

std::int64_t integer(const Config& config, std::string_view key, std::int64_t otherwise, std::int64_t lowest,
                     std::int64_t highest) {
  return absent(config, key) ? otherwise : bounded(*config.find(key), key, lowest, highest);
}

const Value::List& list_of(const Value& value, std::string_view key, std::size_t length) {
  const auto* list = value.as_list();
  if (list == nullptr || list->size() != length) {
    refuse(quoted(key) + " is " + shown(value) + "; this model needs " + std::to_string(length) + " values, one a level");
  }
  return *list;
}

/// One number for all levels or one a level.
std::vector<std::int64_t> per_level(const Config& config, std::string_view key, std::int64_t otherwise,
                                    std::size_t levels, std::int64_t lowest, std::int64_t highest) {
  if (absent(config, key)) return std::vector<std::int64_t>(levels, otherwise);
  const auto& value = *config.find(key);
  if (value.as_list() == nullptr) return std::vector<std::int64_t>(levels, bounded(value, key, lowest, highest));
  std::vector<std::int64_t> out;
  for (const auto& item : list_of(value, key, levels)) out.push_back(bounded(item, key, lowest, highest));
  return out;
}

/// Transformer depths of one block: one number, or one a layer.
std::vector<std::int64_t> depths(const Value& value, std::string_view key, std::int64_t layers) {
  if (value.as_list() == nullptr) {
    return std::vector<std::int64_t>(static_cast<std::size_t>(layers), bounded(value, key, 1, kMaxDepth));
  }
  const auto& list = *value.as_list();
  if (static_cast<std::int64_t>(list.size()) != layers) {
    refuse(quoted(key) + " has " + shown(value) + " for a block of " + std::to_string(layers) + " layers");
  }
  std::vector<std::int64_t> out;
  for (const auto& item : list) out.push_back(bounded(item, key, 1, kMaxDepth));
  return out;
}

std::vector<std::string> block_types(const Config& config, std::string_view key, std::size_t levels) {
  std::vector<std::string> out;
  for (const auto& item : list_of(*config.find(key), key, levels)) {
    const auto* name = item.as_string();
    out.push_back(name == nullptr ? shown(item) : *name);
  }
  return out;
}

/// Whether a block has attention, from its type's name.
bool attends(const std::string& type, std::string_view key, std::string_view plain, std::string_view with_attention) {
  if (type == with_attention) return true;
  if (type != plain) {
    refuse(quoted(key) + " names " + quoted(type.substr(0, 60)) + "; this model is built of " + std::string(plain) +
           " and " + std::string(with_attention));
  }
  return false;
}

void read_widths(const Config& config, Structure& s) {
  static const Value kDefault = Value::List{320, 640, 1280, 1280};
  const auto* value = config.find("block_out_channels");
  if (value == nullptr) value = &kDefault;
  const auto* list = value->as_list();
  if (list == nullptr || list->empty() || static_cast<std::int64_t>(list->size()) > kMaxLevels) {
    refuse("\"block_out_channels\" is " + shown(*value) + "; it must list one width a level, 1 to " +
           std::to_string(kMaxLevels) + " of them");
  }
  for (const auto& width : *list) {
    s.levels.emplace_back().width = bounded(width, "block_out_channels", 1, kMaxWidth);
  }
}

void read_blocks(const Config& config, Structure& s) {
  const auto levels = s.levels.size();
  const auto layers = per_level(config, "layers_per_block", 2, levels, 1, kMaxLayers);
  const std::string kind = s.video ? "BlockSpatioTemporal" : "Block2D";
  std::vector<std::string> down(levels, "CrossAttnDown" + kind);
  std::vector<std::string> up(levels, "CrossAttnUp" + kind);
  down.back() = "Down" + kind;
  up.front() = "Up" + kind;
  if (!absent(config, "down_block_types")) down = block_types(config, "down_block_types", levels);
  if (!absent(config, "up_block_types")) up = block_types(config, "up_block_types", levels);

  constexpr std::string_view kDepth = "transformer_layers_per_block";
  constexpr std::string_view kReverse = "reverse_transformer_layers_per_block";
  const auto down_depth = [&](std::size_t level) {
    if (absent(config, kDepth)) return Value(1);
    const auto& value = *config.find(kDepth);
    return value.as_list() == nullptr ? value : list_of(value, kDepth, levels)[level];
  };
  const auto up_depth = [&](std::size_t level) {
    if (absent(config, kReverse)) return down_depth(level);
    return list_of(*config.find(kReverse), kReverse, levels)[levels - 1 - level];
  };
  for (std::size_t i = 0; i < levels; ++i) {
    auto& level = s.levels[i];
    level.down.assign(static_cast<std::size_t>(layers[i]), 0);
    level.up.assign(static_cast<std::size_t>(layers[i]) + 1, 0);
    if (attends(down[i], "down_block_types", "Down" + kind, "CrossAttnDown" + kind)) {
      level.down = depths(down_depth(i), kDepth, layers[i]);
    }
    if (attends(up[levels - 1 - i], "up_block_types", "Up" + kind, "CrossAttnUp" + kind)) {
      level.up = depths(up_depth(i), kReverse, layers[i] + 1);
    }
  }
  const auto deepest = down_depth(levels - 1);
  const auto* list = deepest.as_list();
  s.mid_depth = bounded(list != nullptr && !list->empty() ? list->front() : deepest, kDepth, 1, kMaxDepth);
}

void read_mid(const Config& config, Structure& s) {
  const auto* value = config.find("mid_block_type");
  if (value == nullptr || s.video) return;
  const auto* name = value->as_string();
  if (value->is_null()) {
    s.mid = Mid::kNone;
  } else if (name != nullptr && *name == "UNetMidBlock2D") {
    s.mid = Mid::kResidual;
  } else if (name == nullptr || *name != "UNetMidBlock2DCrossAttn") {
    refuse("\"mid_block_type\" is " + shown(*value) + "; this model takes UNetMidBlock2DCrossAttn, UNetMidBlock2D or null");
  }
}

bool anything_attends(const Structure& s) {
  return s.mid == Mid::kAttention || std::any_of(s.levels.begin(), s.levels.end(), [](const Level& level) {
           return level.down_attends() || level.up_attends();
         });
}

void read_attention(const Config& config, Structure& s) {
  const auto key = heads_key(s.video);
  const auto heads = per_level(config, key, 0, s.levels.size(), 1, kMaxWidth);
  for (std::size_t i = 0; i < s.levels.size(); ++i) s.levels[i].heads = heads[i];
  if (!s.video && !absent(config, "num_attention_heads")) {
    refuse("\"num_attention_heads\" is set; for images the number of heads is called \"attention_head_dim\"");
  }
  if (!anything_attends(s)) return;
  const auto widths = per_level(config, "cross_attention_dim", s.video ? 1024 : 1280, s.levels.size(), 1, kMaxWidth);
  if (std::adjacent_find(widths.begin(), widths.end(), std::not_equal_to<>()) != widths.end()) {
    refuse("\"cross_attention_dim\" differs from level to level; this model takes one width of encoder_hidden_states");
  }
  s.context = widths.front();
  s.linear_projection = s.video || config.bool_or("use_linear_projection", false);
}

void read_label(const Config& config, Structure& s) {
  constexpr std::string_view kWidth = "projection_class_embeddings_input_dim";
  const auto added = config.string_or("addition_embed_type", "");
  const auto classes = config.string_or("class_embed_type", "");
  s.addition_time_width = integer(config, "addition_time_embed_dim", s.video ? 256 : 0, 1, kMaxWidth);
  if (s.video || added == "text_time") {
    s.label = Label::kAdded;
    s.label_width = integer(config, kWidth, s.video ? 768 : 0, 1, kMaxWidth);
    if (!classes.empty() || !absent(config, "num_class_embeds")) {
      refuse("the model would have a class embedding beside the added one; it has a place for one of them");
    }
  } else if (!added.empty()) {
    refuse("\"addition_embed_type\" is " + quoted(added.substr(0, 60)) + "; this model takes text_time or null");
  } else if (classes == "projection") {
    s.label = Label::kClassProjection;
    s.label_width = integer(config, kWidth, 0, 1, kMaxWidth);
  } else if (!classes.empty()) {
    refuse("\"class_embed_type\" is " + quoted(classes.substr(0, 60)) + "; this model takes projection or null");
  } else if (!absent(config, "num_class_embeds")) {
    s.label = Label::kClassEmbedding;
    s.label_width = integer(config, "num_class_embeds", 0, 1, kMaxWidth);
  }
  if (s.label != Label::kNone && s.label_width == 0) refuse(quoted(kWidth) + " is missing; the added embedding needs it");
  if (s.video && s.label_width % s.addition_time_width != 0) {
    refuse(quoted(kWidth) + " is " + std::to_string(s.label_width) +
           ", not a multiple of \"addition_time_embed_dim\", " + std::to_string(s.addition_time_width));
  }
}

/// 32, as in every published model, where that is possible; else 0, unknown.
std::int64_t usual_groups(const Structure& s) {
  constexpr std::int64_t kUsual = 32;
  const bool fits = std::all_of(s.levels.begin(), s.levels.end(), [](const Level& level) { return level.width % kUsual == 0; });
  return fits ? kUsual : 0;
}

void read_computation(const Config& config, Structure& s) {
  s.act = config.string_or("act_fn", "silu");
  if (s.act == "swish") s.act = "silu";
  if (s.act != "silu" && s.act != "gelu" && s.act != "relu") {
    refuse("\"act_fn\" is " + quoted(s.act.substr(0, 60)) + "; this model takes silu, gelu or relu");
  }
  s.groups = integer(config, "norm_num_groups", usual_groups(s), 1, kMaxWidth);
  // diffusers' video class keeps 1e-6 in the blocks that attend and on the way up; its config has no key for it.
  s.norm_eps = config.double_or("norm_eps", s.video ? 1e-6 : 1e-5);
  if (!(s.norm_eps > 0 && s.norm_eps < 1)) refuse("\"norm_eps\" must lie between 0 and 1");
  s.flip_sin_to_cos = config.bool_or("flip_sin_to_cos", true);
  s.freq_shift = config.double_or("freq_shift", 0);
  s.center_input_sample = config.bool_or("center_input_sample", false);
  s.downsample_padding = integer(config, "downsample_padding", 1, 0, 1);
  s.mid_block_scale_factor = config.double_or("mid_block_scale_factor", 1);
  const auto shift = config.string_or("resnet_time_scale_shift", "default");
  if (shift != "default" && shift != "scale_shift") {
    refuse("\"resnet_time_scale_shift\" is " + quoted(shift.substr(0, 60)) + "; this model takes default or scale_shift");
  }
  s.scale_shift = shift == "scale_shift";
}

void check_divisibility(const Structure& s) {
  for (std::size_t i = 0; i < s.levels.size(); ++i) {
    const auto& level = s.levels[i];
    if (s.groups > 0 && level.width % s.groups != 0) {
      refuse("\"norm_num_groups\" " + std::to_string(s.groups) + " does not divide the width " +
             std::to_string(level.width) + " of level " + std::to_string(i));
    }
    const bool here = level.down_attends() || level.up_attends() ||
                      (i + 1 == s.levels.size() && s.mid == Mid::kAttention);
    if (here && level.heads > 0 && level.width % level.heads != 0) {
      refuse(quoted(heads_key(s.video)) + " " + std::to_string(level.heads) + " does not divide the width " +
             std::to_string(level.width) + " of level " + std::to_string(i));
    }
  }
}

/// Options of the diffusers class that no published model of this structure uses, and the value that means "off".
const Value* off_value(std::string_view key) {
  static const std::vector<std::pair<std::string_view, Value>> kOff = {
      {"only_cross_attention", false},
      {"mid_block_only_cross_attention", false},
      {"dual_cross_attention", false},
      {"cross_attention_norm", nullptr},
      {"encoder_hid_dim", nullptr},
      {"resnet_skip_time_act", false},
      {"resnet_out_scale_factor", 1},
      {"time_embedding_type", "positional"},
      {"time_embedding_dim", nullptr},
      {"time_embedding_act_fn", nullptr},
      {"timestep_post_act", nullptr},
      {"conv_in_kernel", 3},
      {"conv_out_kernel", 3},
      {"attention_type", "default"},
      {"class_embeddings_concat", false},
  };
  for (const auto& [known, off] : kOff) {
    if (known == key) return &off;
  }
  return nullptr;
}

void check_unsupported(const Config& config) {
  for (const auto& item : config.items()) {
    if (!is_unsupported(item.key, item.value)) continue;
    refuse(quoted(item.key) + " is " + shown(item.value) + "; this structure has no place for it, only " +
           to_string(*off_value(item.key)) + " is built");
  }
}

Structure read_or_throw(const Config& config) {
  Structure s;
  s.video = config.string_or("_class_name", "UNet2DConditionModel") == "UNetSpatioTemporalConditionModel";
  s.in_channels = integer(config, "in_channels", s.video ? 8 : 4, 1, kMaxWidth);
  s.out_channels = integer(config, "out_channels", 4, 1, kMaxWidth);
  s.time_cond_width = integer(config, "time_cond_proj_dim", 0, 1, kMaxWidth);
  read_widths(config, s);
  read_blocks(config, s);
  read_mid(config, s);
  read_attention(config, s);
  read_label(config, s);
  read_computation(config, s);
  check_divisibility(s);
  check_unsupported(config);
  return s;
}

}  // namespace

bool is_unsupported(std::string_view key, const Value& value) {
  const auto* off = off_value(key);
  if (off == nullptr || value.is_null() || value == *off) return false;
  const auto* list = value.as_list();
  return list == nullptr || !std::all_of(list->begin(), list->end(), [&](const Value& item) { return item == *off; });
}

std::string_view heads_key(bool video) { return video ? "num_attention_heads" : "attention_head_dim"; }

Result<Structure> read_structure(const Config& config) {
  try {
    return read_or_throw(config);
  } catch (const Refusal& refusal) {
    return fail(ErrorKind::kUsage,
                "TN-UNET-CONFIG",
                "unet config: " + refusal.message + " [TN-UNET-CONFIG]",
                "give a config that fits: --config FILE or --set KEY=VALUE");
  }
}

}  // namespace tenon::models::unet
