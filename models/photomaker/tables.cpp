// PhotoMaker's core half: the version and every size come from the shapes.
#include <algorithm>
#include <cmath>
#include <string>

#include <tenon/derive.h>
#include <tenon/family.h>

#include "families/embedded.h"

namespace tenon::models {
namespace {

constexpr std::int64_t kQformerHeadDim = 128;  // FacePerceiverResampler(dim_head=128)
constexpr std::int64_t kTowerHeadDim = 64;     // of the CLIP tower, whatever its width

/// The encoder's own names are met behind `id_encoder.`, nested or flat, or bare.
std::string layout_of(const DeriveInput& input) {
  if (input.layout != "official") return std::string(input.layout);
  if (!input.prefix.ends_with("id_encoder.")) return "bare";
  return input.nested ? "official" : "flat";
}

Derivation derive(const DeriveInput& input) {
  ConfigBuilder config("photomaker", input);
  config.result().layout = layout_of(input);
  const std::int64_t width = config.read_int("hidden_size");
  const std::int64_t patch = config.read_int("patch_size");
  const auto patches = static_cast<double>(std::max<std::int64_t>(0, config.read_int("positions") - 1));
  config.from_shapes("qformer_perceiver", config.read_bool("qformer_perceiver"));
  config.from_shapes("image_size", static_cast<std::int64_t>(std::llround(std::sqrt(patches))) * patch);
  for (const char* key : {"patch_size", "hidden_size", "num_hidden_layers", "intermediate_size", "projection_dim",
                          "projection_dim_2", "cross_attention_dim"}) {
    config.from_shapes(key, config.read_int(key));
  }
  if (config.config().bool_or("qformer_perceiver", false)) {
    const std::int64_t cross = config.read_int("cross_attention_dim");
    config.from_shapes("id_embeddings_dim", config.read_int("id_embeddings_dim"));
    config.from_shapes("token_hidden", config.read_int("token_hidden"));
    config.from_shapes("num_tokens", cross > 0 ? config.read_int("token_rows") / cross : 0);
    config.from_shapes("qformer_depth", config.read_int("qformer_depth"));
    config.or_default("qformer_heads", std::max<std::int64_t>(1, cross / kQformerHeadDim));
  }
  config.choose_variant(config.config().bool_or("qformer_perceiver", false) ? "v2" : "v1");
  config.or_default("num_attention_heads", std::max<std::int64_t>(1, width / kTowerHeadDim));
  return config.finish();
}

}  // namespace

const FamilyTables& photomaker_tables() {
  static const FamilyTables tables{.name = "photomaker", .yaml = embedded::photomaker_yaml(), .derive = derive};
  return tables;
}

}  // namespace tenon::models
