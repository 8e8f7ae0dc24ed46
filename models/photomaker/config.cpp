#include <tenon/models/photomaker/config.h>

#include <string>

#include <tenon/config_error.h>

namespace tenon::models {
namespace {

Failure impossible(const std::string& key, const std::string& found, const std::string& required) {
  return impossible_value("photomaker", key, found, required);
}

struct Size {
  const char* key;
  std::int64_t PhotoMakerConfig::* field;
  bool only_v2 = false;
};

constexpr Size kSizes[] = {
    {"image_size", &PhotoMakerConfig::image_size},
    {"patch_size", &PhotoMakerConfig::patch_size},
    {"hidden_size", &PhotoMakerConfig::width},
    {"num_hidden_layers", &PhotoMakerConfig::layers},
    {"intermediate_size", &PhotoMakerConfig::mlp_hidden},
    {"projection_dim", &PhotoMakerConfig::projection_dim},
    {"projection_dim_2", &PhotoMakerConfig::projection_dim_2},
    {"cross_attention_dim", &PhotoMakerConfig::cross_attention_dim},
    {"id_embeddings_dim", &PhotoMakerConfig::id_embeddings_dim, true},
    {"token_hidden", &PhotoMakerConfig::token_hidden, true},
    {"num_tokens", &PhotoMakerConfig::num_tokens, true},
    {"qformer_depth", &PhotoMakerConfig::qformer_depth, true},
};

}  // namespace

Result<PhotoMakerConfig> read_photomaker_config(const Config& config) {
  PhotoMakerConfig c;
  c.v2 = config.bool_or("qformer_perceiver", false);
  for (const Size& size : kSizes) {
    if (size.only_v2 && !c.v2) continue;
    const Value* value = config.find(size.key);
    const auto number = value ? value->as_int() : std::nullopt;
    if (!number || *number <= 0) {
      return impossible(size.key, value ? to_string(*value) : "missing", "a positive whole number is required");
    }
    c.*size.field = *number;
  }
  // Heads shape no tensor: where nobody decided them, the module is still right and `load` refuses before a forward.
  c.heads = config.int_or("num_attention_heads", 1);
  if (c.heads <= 0 || c.width % c.heads != 0) {
    return impossible("num_attention_heads", std::to_string(c.heads), "it must divide hidden_size " + std::to_string(c.width));
  }
  c.act = config.string_or("hidden_act", c.act);
  if (c.act != "quick_gelu" && c.act != "gelu") {
    return impossible("hidden_act", "\"" + c.act + "\"", "it is quick_gelu or gelu");
  }
  c.qformer_heads = config.int_or("qformer_heads", 1);
  if (c.v2 && (c.qformer_heads <= 0 || c.cross_attention_dim % c.qformer_heads != 0)) {
    return impossible("qformer_heads",
                      std::to_string(c.qformer_heads),
                      "it must divide cross_attention_dim " + std::to_string(c.cross_attention_dim));
  }
  return c;
}

}  // namespace tenon::models
