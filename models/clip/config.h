// The values a CLIP module is made of, read from a Config in open_clip's keys (interface: `embed_dim`, `vision_cfg.layers`, ...).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include <tenon/error.h>
#include <tenon/value.h>

namespace tenon::models {

struct ClipVitConfig {
  std::int64_t image_size = 224;
  std::int64_t patch_size = 32;
  std::int64_t width = 768;
  std::int64_t layers = 12;
  std::int64_t heads = 12;
  std::int64_t mlp_hidden = 3072;
  bool layer_scale = false;
  bool ln_pre = true;
  bool average_pool = false;         // mean of the patch tokens instead of the class token
  bool final_ln_after_pool = false;  // ln_post on the pooled token only
  bool projection = true;
  double eps = 1e-5;
};

struct ClipResNetConfig {
  std::int64_t image_size = 224;
  std::int64_t width = 64;
  std::int64_t pool_heads = 32;  // of the attention pool
  std::array<std::int64_t, 4> layers{3, 4, 6, 3};
};

enum class TextPool { kArgmax, kEos, kLast, kFirst };

struct ClipTextConfig {
  std::int64_t context_length = 77;
  std::int64_t vocab_size = 49408;
  std::int64_t width = 512;
  std::int64_t layers = 12;
  std::int64_t heads = 8;
  std::int64_t mlp_hidden = 2048;
  bool layer_scale = false;
  bool causal = true;
  TextPool pool = TextPool::kArgmax;
  std::int64_t eos_id = 49407;
  bool projection = true;
  double eps = 1e-5;
};

struct ClipConfig {
  std::int64_t embed_dim = 512;
  bool quick_gelu = false;
  bool logit_scale = true;
  bool logit_bias = false;
  std::optional<ClipVitConfig> vit;        // at most one of vit and resnet
  std::optional<ClipResNetConfig> resnet;
  std::optional<ClipTextConfig> text;
};

/// Values that shapes cannot tell and that nobody set count as unknown only at `run`; the module's tensors do not depend on them.
/// kUsage (TN-CONFIG-*) where a value is missing or impossible.
[[nodiscard]] Result<ClipConfig> read_clip_config(const Config& config);

}  // namespace tenon::models
