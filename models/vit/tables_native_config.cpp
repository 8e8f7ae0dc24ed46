#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include <tenon/native_config.h>

#include "models/vit/native_config.h"

namespace tenon::models::vit {
namespace {

/// [h, w] of equal sides as one number.
Value size_value(const Value& value) {
  const auto* pair = value.as_list();
  return pair != nullptr && pair->size() == 2 && (*pair)[0] == (*pair)[1] ? (*pair)[0] : value;
}

class Reader {
 public:
  Reader(const Config& from, std::string prefix) : from_(from), prefix_(std::move(prefix)) {}

  [[nodiscard]] const Value* find(std::string_view key) const { return from_.find(prefix_ + std::string(key)); }
  [[nodiscard]] std::string text(std::string_view key) const { return from_.string_or(prefix_ + std::string(key), ""); }
  void take(std::string_view key, std::string_view own) {
    if (const Value* value = find(key); value != nullptr && !value->is_null()) config.set(own, size_value(*value));
  }
  void set(std::string_view own, Value value) { config.set(own, std::move(value)); }

  Config config;

 private:
  const Config& from_;
  std::string prefix_;
};

std::string_view own_activation(std::string_view name) {
  if (name == "gelu") return "gelu";
  if (name == "quick_gelu" || name == "quickgelu") return "quick_gelu";
  if (name == "silu" || name == "swiglu") return "swiglu";
  return {};
}

void take_activation(Reader& reader, std::string_view key) {
  if (const auto own = own_activation(reader.text(key)); !own.empty()) reader.set("act", Value(own));
}

/// timm states what differs from the architecture; the rest is what the variant table gives for that name.
Config read_timm(const Config& from, std::span<const Variant> variants) {
  Reader reader(from, "model_args.");
  const std::string architecture = from.string_or("architecture", "");
  const auto variant = std::find_if(variants.begin(), variants.end(), [&](const Variant& v) { return v.name == architecture; });
  if (variant != variants.end()) {
    for (const Config::Item& item : variant->gives.items()) reader.set(item.key, item.value);
  }
  for (const std::string_view key : {"global_pool", "num_classes"}) {
    if (const Value* value = from.find(key)) reader.set(key, *value);
  }
  for (const std::string_view key : {"img_size", "patch_size", "in_chans", "num_classes", "embed_dim", "depth", "num_heads", "class_token",
                                     "reg_tokens", "no_embed_class", "qkv_bias", "pre_norm", "fc_norm", "global_pool"}) {
    reader.take(key, key);
  }
  take_activation(reader, "act_layer");
  return std::move(reader.config);
}

/// The epsilon of a class whose config does not state it.
double default_eps(std::string_view model_type) {
  constexpr std::array<std::string_view, 3> kTiny = {"vit", "deit", "vit_msn"};
  return std::find(kTiny.begin(), kTiny.end(), model_type) != kTiny.end() ? 1e-12 : 1e-6;
}

/// A transformers config lists its labels; one without a list has the class's default of two.
void take_classes(Reader& reader, const Config& from) {
  std::int64_t labels = 0;
  for (const Config::Item& item : from.items()) labels += item.key.starts_with("id2label.") ? 1 : 0;
  if (labels > 0) reader.set("num_classes", Value(labels));
}

bool classifies(const Config& from) {
  const Value* architectures = from.find("architectures");
  const auto* list = architectures != nullptr ? architectures->as_list() : nullptr;
  return list != nullptr && std::any_of(list->begin(), list->end(), [](const Value& name) {
    return name.as_string() != nullptr && name.as_string()->find("ForImageClassification") != std::string::npos;
  });
}

Config read_transformers(const Config& from, const std::string& prefix) {
  Reader reader(from, prefix);
  const std::string type = reader.text("model_type");
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kKeys = {
      {{"image_size", "img_size"}, {"patch_size", "patch_size"}, {"num_channels", "in_chans"}, {"hidden_size", "embed_dim"},
       {"num_hidden_layers", "depth"}, {"num_attention_heads", "num_heads"}, {"layer_norm_eps", "norm_eps"}, {"qkv_bias", "qkv_bias"}}};
  for (const auto& [key, own] : kKeys) reader.take(key, own);
  reader.take("attention_bias", "qkv_bias");
  if (type != "dinov2" && type != "dinov2_with_registers") reader.take("intermediate_size", "mlp_hidden");
  if (reader.find("layer_norm_eps") == nullptr) reader.set("norm_eps", Value(default_eps(type)));
  const Value* swiglu = reader.find("use_swiglu_ffn");
  if (swiglu != nullptr && swiglu->as_bool() == true) {
    reader.set("act", Value("swiglu"));
  } else if (reader.find("hidden_act") == nullptr) {
    reader.set("act", Value("gelu"));
  } else {
    take_activation(reader, "hidden_act");
  }
  if (const auto norm = reader.text("norm_type"); !norm.empty()) reader.set("norm", Value(norm == "rms_norm" ? "rmsnorm" : "layernorm"));
  if (classifies(from)) take_classes(reader, from);
  return std::move(reader.config);
}

}  // namespace

Result<Config> read_native_config(const ConfigText& text, std::span<const Variant> variants) {
  auto from = flatten_native_config(text);
  if (!from) return from;
  if (from->has("architecture")) return read_timm(*from, variants);
  if (from->has("vision_config.hidden_size")) return read_transformers(*from, "vision_config.");
  if (from->has("hidden_size") && (from->has("patch_size") || from->has("image_size"))) return read_transformers(*from, "");
  return Config{};
}

}  // namespace tenon::models::vit
