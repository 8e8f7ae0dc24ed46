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

/// A size that a tensor shows; where that tensor is missing, the released encoders' size, so that the report lists what is
/// missing and does not stop at the config.
struct Size {
  const char* key;
  std::int64_t released;
};
constexpr Size kSizes[] = {{"patch_size", 14}, {"hidden_size", 1024}, {"num_hidden_layers", 24}, {"intermediate_size", 4096},
                           {"projection_dim", 768}, {"projection_dim_2", 1280}, {"cross_attention_dim", 2048}};
constexpr Size kQformerSizes[] = {{"id_embeddings_dim", 512}, {"token_hidden", 2048}, {"qformer_depth", 4}};
constexpr std::int64_t kImageSize = 224;
constexpr std::int64_t kTokensPerImage = 2;

std::int64_t read_size(ConfigBuilder& config, const Size& size) {
  const std::int64_t read = config.read_int(size.key);
  return read > 0 ? read : size.released;
}

void derive_qformer(ConfigBuilder& config) {
  for (const Size& size : kQformerSizes) config.from_shapes(size.key, read_size(config, size));
  const std::int64_t cross = config.config().int_or("cross_attention_dim", 0);
  const std::int64_t tokens = cross > 0 ? config.read_int("token_rows") / cross : 0;
  config.from_shapes("num_tokens", tokens > 0 ? tokens : kTokensPerImage);
  config.or_default("qformer_heads", std::max<std::int64_t>(1, cross / kQformerHeadDim));
}

Derivation derive(const DeriveInput& input) {
  ConfigBuilder config("photomaker", input);
  config.result().layout = layout_of(input);
  config.from_shapes("qformer_perceiver", config.read_bool("qformer_perceiver"));
  const bool v2 = config.config().bool_or("qformer_perceiver", false);
  for (const Size& size : kSizes) config.from_shapes(size.key, read_size(config, size));
  const auto patches = static_cast<double>(config.read_int("positions") - 1);
  const std::int64_t side = patches > 0 ? std::llround(std::sqrt(patches)) : kImageSize / kSizes[0].released;
  config.from_shapes("image_size", side * config.config().int_or("patch_size", kSizes[0].released));
  if (v2) derive_qformer(config);
  config.choose_variant(v2 ? "v2" : "v1");
  config.or_default("num_attention_heads", std::max<std::int64_t>(1, config.config().int_or("hidden_size", 0) / kTowerHeadDim));
  config.or_default("hidden_act", "quick_gelu");  // that of OpenAI's CLIP ViT-L/14, from which the tower comes
  return config.finish();
}

}  // namespace

const FamilyTables& photomaker_tables() {
  static const FamilyTables tables{.name = "photomaker", .yaml = embedded::photomaker_yaml(), .derive = derive};
  return tables;
}

}  // namespace tenon::models
