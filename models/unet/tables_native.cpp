// Native configs -> own keys: diffusers' JSON, and the YAML of the original code.
#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include <tenon/native_config.h>

#include "models/unet/ldm.h"
#include "models/unet/structure.h"

namespace tenon::models::unet {
namespace {

/// Own keys, and options of the diffusers class that the module must be able to refuse.
constexpr std::array kKnown = {
    "_class_name",          "sample_size",
    "in_channels",          "out_channels",
    "down_block_types",     "mid_block_type",
    "up_block_types",       "block_out_channels",
    "layers_per_block",     "transformer_layers_per_block",
    "cross_attention_dim",  "reverse_transformer_layers_per_block",
    "attention_head_dim",   "num_attention_heads",
    "addition_embed_type",  "use_linear_projection",
    "class_embed_type",     "addition_time_embed_dim",
    "num_class_embeds",     "projection_class_embeddings_input_dim",
    "time_cond_proj_dim",   "resnet_time_scale_shift",
    "act_fn",               "norm_num_groups",
    "norm_eps",             "flip_sin_to_cos",
    "freq_shift",           "center_input_sample",
    "downsample_padding",   "mid_block_scale_factor",
    "prediction_type",      "num_frames",
};

Config read_diffusers(const Config& flat) {
  Config out;
  for (const auto& item : flat.items()) {
    const bool known = std::find(kKnown.begin(), kKnown.end(), item.key) != kKnown.end();
    // null is diffusers' word for "not there", except where a middle block is not there.
    const bool said = !item.value.is_null() || item.key == "mid_block_type";
    if ((known && said) || is_unsupported(item.key, item.value)) out.set(item.key, item.value);
  }
  return out;
}

Failure refuse(const ConfigText& text, const std::string& what) {
  return fail(ErrorKind::kUsage, "TN-UNET-CONFIG", text.path + ": " + what + " [TN-UNET-CONFIG]",
              "pass the config that the checkpoint was trained with");
}

/// Where the network's parameters stand: the key that ends in "model_channels", without it.
std::optional<std::string> find_params(const Config& flat) {
  constexpr std::string_view kKey = "model_channels";
  std::optional<std::string> found;
  for (const auto& item : flat.items()) {
    const auto& key = item.key;
    if (!key.ends_with(kKey) || (key.size() > kKey.size() && key[key.size() - kKey.size() - 1] != '.')) continue;
    const auto prefix = key.substr(0, key.size() - kKey.size());
    const bool unet = prefix.find("unet_config.") != std::string::npos || prefix.find("network_config.") != std::string::npos;
    // A ControlNet's YAML has a second, smaller set of them.
    if (!found || (unet && prefix.find("control_stage") == std::string::npos)) found = prefix;
  }
  return found;
}

/// One number for every level, or a list of them; empty when neither.
std::vector<std::int64_t> per_level(const Value* value, std::size_t levels) {
  std::vector<std::int64_t> out;
  if (value == nullptr) return out;
  if (const auto one = value->as_int()) return std::vector<std::int64_t>(levels, *one);
  const auto* list = value->as_list();
  if (list == nullptr || list->size() != levels) return out;
  for (const auto& item : *list) out.push_back(item.as_int().value_or(0));
  return out;
}

class LdmReader {
 public:
  LdmReader(const ConfigText& text, const Config& flat, std::string prefix)
      : text_(text), flat_(flat), prefix_(std::move(prefix)) {}

  Result<Config> read() {
    if (auto levels = read_levels(); !levels) return tl::unexpected(levels.error());
    if (bool_of("resblock_updown", false)) {
      return refuse(text_, "\"resblock_updown\" is true; this structure halves and doubles by convolutions");
    }
    s_.video = is_video();
    s_.in_channels = int_of("in_channels", 4);
    s_.out_channels = int_of("out_channels", 4);
    s_.scale_shift = bool_of("use_scale_shift_norm", false);
    s_.linear_projection = s_.video || bool_of("use_linear_in_transformer", false);
    read_attention();
    read_label();
    auto config = shape_config(s_, ConfigOrigin::kDefault);
    add_heads(config);
    add_prediction(config);
    return config;
  }

 private:
  const Value* find(std::string_view key) const { return flat_.find(prefix_ + std::string(key)); }
  std::int64_t int_of(std::string_view key, std::int64_t otherwise) const {
    return flat_.int_or(prefix_ + std::string(key), otherwise);
  }
  bool bool_of(std::string_view key, bool otherwise) const {
    return flat_.bool_or(prefix_ + std::string(key), otherwise);
  }

  Result<void> read_levels() {
    const auto channels = int_of("model_channels", 0);
    const auto* list = find("channel_mult");
    const auto* factors = list == nullptr ? nullptr : list->as_list();
    if (channels <= 0 || channels > kMaxWidth || factors == nullptr || factors->empty() || factors->size() > kMaxLevels) {
      return refuse(text_, "\"model_channels\" and \"channel_mult\" do not give the widths of 1 to 12 levels");
    }
    const auto layers = per_level(find("num_res_blocks"), factors->size());
    for (std::size_t i = 0; i < factors->size(); ++i) {
      const auto factor = (*factors)[i].as_int().value_or(0);
      const auto blocks = layers.empty() ? 0 : layers[i];
      if (factor <= 0 || factor > kMaxWidth / channels || blocks <= 0 || blocks > kMaxLayers) {
        return refuse(text_, "\"channel_mult\" and \"num_res_blocks\" must be positive and fit each other");
      }
      auto& level = s_.levels.emplace_back();
      level.width = channels * factor;
      level.down.resize(static_cast<std::size_t>(blocks));
      level.up.resize(static_cast<std::size_t>(blocks) + 1);
    }
    return {};
  }

  bool is_video() const {
    // The class stands beside "params".
    constexpr std::string_view kParams = "params.";
    if (prefix_.ends_with(kParams)) {
      const auto target = flat_.string_or(prefix_.substr(0, prefix_.size() - kParams.size()) + "target", "");
      if (target.find("VideoUNet") != std::string::npos) return true;
    }
    return find("video_kernel_size") != nullptr || bool_of("extra_ff_mix_layer", false);
  }

  void read_attention() {
    const auto* list = find("attention_resolutions");
    std::vector<std::int64_t> resolutions;
    if (list != nullptr && list->as_list() != nullptr) {
      for (const auto& item : *list->as_list()) resolutions.push_back(item.as_int().value_or(0));
    }
    auto depth = per_level(find("transformer_depth"), s_.levels.size());
    if (depth.empty()) depth.assign(s_.levels.size(), 1);
    std::int64_t factor = 1;
    for (std::size_t i = 0; i < s_.levels.size(); ++i, factor *= 2) {
      if (std::find(resolutions.begin(), resolutions.end(), factor) == resolutions.end()) continue;
      std::fill(s_.levels[i].down.begin(), s_.levels[i].down.end(), depth[i]);
      std::fill(s_.levels[i].up.begin(), s_.levels[i].up.end(), depth[i]);
    }
    s_.mid_depth = int_of("transformer_depth_middle", depth.back());
    const auto* context = find("context_dim");
    if (context == nullptr) return;
    const auto* several = context->as_list();
    s_.context = several != nullptr && !several->empty() ? several->front().as_int().value_or(0)
                                                         : context->as_int().value_or(0);
  }

  void read_label() {
    const auto* classes = find("num_classes");
    if (classes == nullptr || classes->is_null()) return;
    if (const auto count = classes->as_int()) {
      s_.label = Label::kClassEmbedding;
      s_.label_width = *count;
      return;
    }
    s_.label_width = int_of("adm_in_channels", 0);
    s_.label = is_class_label(s_.context, s_.label_width, s_.video) ? Label::kClassProjection : Label::kAdded;
  }

  void add_heads(Config& config) const {
    const auto key = heads_key(s_.video);
    const auto channels = int_of("num_head_channels", -1);
    const auto heads = int_of("num_heads", -1);
    if (channels > 0) {
      Value::List list;
      for (const auto& level : s_.levels) list.emplace_back(level.width / channels);
      config.set(key, std::move(list));
    } else if (heads > 0) {
      config.set(key, heads);
    }
  }

  /// LDM says it outright; sgm names the class of the scaling.
  void add_prediction(Config& config) const {
    for (const auto& item : flat_.items()) {
      const auto* text = item.value.as_string();
      if (text == nullptr) continue;
      if (item.key.ends_with("parameterization")) {
        if (*text == "v") config.set("prediction_type", "v_prediction");
        if (*text == "eps") config.set("prediction_type", "epsilon");
      }
      if (item.key.ends_with("scaling_config.target")) {
        if (text->find(".VScaling") != std::string::npos) config.set("prediction_type", "v_prediction");
        if (text->find(".EpsScaling") != std::string::npos) config.set("prediction_type", "epsilon");
      }
    }
  }

  const ConfigText& text_;
  const Config& flat_;
  std::string prefix_;
  Structure s_;
};

}  // namespace

Result<Config> read_native_config(const ConfigText& text, std::span<const Variant>) {
  const auto flat = flatten_native_config(text);
  if (!flat) return tl::unexpected(flat.error());
  if (const auto prefix = find_params(*flat)) return LdmReader(text, *flat, *prefix).read();
  return read_diffusers(*flat);
}

bool is_class_label(std::int64_t context, std::int64_t width, bool video) {
  return !video && context == 1024 && (width == 1536 || width == 2048);
}

}  // namespace tenon::models::unet
