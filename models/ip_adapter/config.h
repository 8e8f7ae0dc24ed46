// The values an IP-Adapter is made of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tenon/error.h>
#include <tenon/value.h>

namespace tenon::models {

enum class IpProjection {
  kLinear,      // base: one pooled image embedding
  kResampler,   // plus, portrait-unnorm: a perceiver over hidden states or raw face embeddings
  kMlp,         // full-face: an MLP on every hidden state
  kFace,        // faceid, faceid-portrait: an MLP on normalised face embeddings
  kFacePlus,    // faceid-plus, faceid-plusv2: face tokens that read the hidden states
};

struct IpAdapterConfig {
  IpProjection projection = IpProjection::kLinear;
  std::int64_t cross_attention_dim = 768;
  std::int64_t embeddings_dim = 1024;     // what the projector reads: image embedding, hidden state or face embedding
  std::int64_t id_embeddings_dim = 512;   // kFacePlus: the face embedding
  std::int64_t hidden_dim = 1024;         // kFace, kFacePlus: hidden width of the MLP
  std::int64_t num_tokens = 4;            // tokens per image; kMlp: one per hidden state
  std::int64_t resampler_dim = 768;
  std::int64_t resampler_depth = 4;
  std::int64_t resampler_heads = 12;
  bool shortcut = false;                  // kFacePlus: add the perceiver's answer to the face tokens (v2)
  double s_scale = 1.0;                   // weight of that answer
  std::int64_t lora_rank = 0;             // 0: no LoRA
  bool apply_lora = true;                 // adapter_lora=ignore leaves it out of the UNet
  std::vector<std::int64_t> attentions;   // numbers of the cross-attentions
  std::vector<std::int64_t> widths;       // width of each of them
};

/// kUsage (TN-CONFIG-VALUE) where a value is missing or impossible.
[[nodiscard]] Result<IpAdapterConfig> read_ip_adapter_config(const Config& config);

}  // namespace tenon::models
