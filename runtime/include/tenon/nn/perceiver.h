// Perceiver resampling (Jaegle et al., 2021; Alayrac et al., 2022): a few latent tokens read a sequence of image features.
// Shared by the ID encoders; names and numerics are those of tencent-ailab/IP-Adapter resampler.py and
// TencentARC/PhotoMaker resampler.py.
//
// Shapes: N batch, Q latent tokens, S feature tokens, D width, E feature width, X output width.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <tenon/nn/layers.h>

namespace tenon::nn {

struct PerceiverConfig {
  std::int64_t width = 0;     // D
  std::int64_t depth = 4;
  std::int64_t head_dim = 64;
  std::int64_t heads = 0;
  std::int64_t features = 0;  // E
  std::int64_t outputs = 0;   // X
  std::int64_t ff_mult = 4;
};

/// Latents attend to the features and to themselves. Queries and keys are each scaled by head_dim^(-1/4) before the product and
/// the softmax runs in fp32, as in the reference.
class PerceiverAttention : public Module {
 public:
  PerceiverAttention(std::int64_t width, std::int64_t head_dim, std::int64_t heads);
  [[nodiscard]] at::Tensor forward(const at::Tensor& features, const at::Tensor& latents) const;  // -> [N, Q, D]

 private:
  std::int64_t heads_;
  std::int64_t head_dim_;
  std::shared_ptr<LayerNorm> norm1_;
  std::shared_ptr<LayerNorm> norm2_;
  std::shared_ptr<Linear> to_q_;
  std::shared_ptr<Linear> to_kv_;
  std::shared_ptr<Linear> to_out_;
};

/// LayerNorm, Linear, GELU, Linear under the names "0", "1", "3"; no biases on the linears.
class PerceiverFeedForward : public Module {
 public:
  PerceiverFeedForward(std::int64_t width, std::int64_t mult);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;  // [N, Q, D] -> [N, Q, D]

 private:
  std::shared_ptr<LayerNorm> norm_;
  std::shared_ptr<Linear> expand_;
  std::shared_ptr<Linear> contract_;
};

/// proj_in, `depth` layers of attention and feed-forward, proj_out, norm_out. The caller owns the latents.
class Perceiver : public Module {
 public:
  explicit Perceiver(const PerceiverConfig& config);
  [[nodiscard]] at::Tensor forward(at::Tensor latents,           // [N, Q, D]
                                   const at::Tensor& features)   // [N, S, E]
      const;                                                     // -> [N, Q, X]

 private:
  struct Layer {
    std::shared_ptr<PerceiverAttention> attention;
    std::shared_ptr<PerceiverFeedForward> feed_forward;
  };
  std::shared_ptr<Linear> proj_in_;
  std::vector<Layer> layers_;
  std::shared_ptr<Linear> proj_out_;
  std::shared_ptr<LayerNorm> norm_out_;
};

}  // namespace tenon::nn
