// The values a PhotoMaker ID encoder is made of.
#pragma once

#include <cstdint>
#include <string>

#include <tenon/error.h>
#include <tenon/value.h>

namespace tenon::models {

struct PhotoMakerConfig {
  bool v2 = false;
  // The CLIP vision tower.
  std::int64_t image_size = 224;
  std::int64_t patch_size = 14;
  std::int64_t width = 1024;
  std::int64_t layers = 24;
  std::int64_t heads = 16;
  std::int64_t mlp_hidden = 4096;
  std::string act = "quick_gelu";       // or "gelu"
  std::int64_t projection_dim = 768;    // visual_projection
  std::int64_t projection_dim_2 = 1280; // visual_projection_2
  // The prompt side.
  std::int64_t cross_attention_dim = 2048;
  // v2: the QFormer perceiver.
  std::int64_t id_embeddings_dim = 512;
  std::int64_t token_hidden = 2048;
  std::int64_t num_tokens = 2;
  std::int64_t qformer_depth = 4;
  std::int64_t qformer_heads = 16;
};

/// kUsage (TN-CONFIG-VALUE) where a value is missing or impossible.
[[nodiscard]] Result<PhotoMakerConfig> read_photomaker_config(const Config& config);

}  // namespace tenon::models
