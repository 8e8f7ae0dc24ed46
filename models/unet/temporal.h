// The temporal halves of Stable Video Diffusion: what mixes the frames of a clip.
#pragma once

#include <cstdint>
#include <memory>

#include <tenon/nn/layers.h>

#include <tenon/models/unet/attention.h>
#include <tenon/models/unet/resnet.h>
#include <tenon/models/unet/time_embedding.h>
#include <tenon/models/unet/transformer.h>

namespace tenon::models::unet {

/// alpha * spatial + (1 - alpha) * temporal; alpha is learned, and 1 for a still image.
class AlphaBlender : public nn::Module {
 public:
  AlphaBlender();
  /// spatial and temporal have the same shape; frames are dimension 2 of five ([clips, C, frames, H, W]) or dimension 0 of
  /// three ([clips * frames, L, C]).
  [[nodiscard]] at::Tensor forward(const at::Tensor& spatial,
                                   const at::Tensor& temporal,
                                   const at::Tensor& image_only_indicator) const;

 private:
  at::Tensor mix_factor_;
};

/// A residual block along time: convolutions over three frames.
class TemporalResidualBlock : public nn::Module {
 public:
  TemporalResidualBlock(std::int64_t width, std::int64_t embedding, std::int64_t groups, double eps);
  /// x [clips, width, frames, H, W], embedding [clips, frames, E] -> as x.
  [[nodiscard]] at::Tensor forward(const at::Tensor& x, const at::Tensor& embedding) const;

 private:
  std::shared_ptr<nn::GroupNorm> norm1_;
  std::shared_ptr<nn::Conv3d> conv1_;
  std::shared_ptr<nn::Linear> time_emb_proj_;
  std::shared_ptr<nn::GroupNorm> norm2_;
  std::shared_ptr<nn::Conv3d> conv2_;
};

class VideoResidual : public Residual {
 public:
  explicit VideoResidual(const ResidualOptions& options);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x,
                                   const Conditioning& conditioning) const override;

 private:
  std::shared_ptr<ResidualBlock> spatial_;
  std::shared_ptr<TemporalResidualBlock> temporal_;
  std::shared_ptr<AlphaBlender> mixer_;
};

/// A transformer block over the frames at one position.
class TemporalTransformerBlock : public nn::Module {
 public:
  TemporalTransformerBlock(std::int64_t width, std::int64_t context_width, std::int64_t heads);
  /// x [clips * frames, L, width] -> the same.
  [[nodiscard]] at::Tensor forward(const at::Tensor& x, const Conditioning& conditioning) const;

 private:
  std::shared_ptr<nn::LayerNorm> norm_in_;
  std::shared_ptr<FeedForward> ff_in_;
  std::shared_ptr<nn::LayerNorm> norm1_;
  std::shared_ptr<Attention> attn1_;
  std::shared_ptr<nn::LayerNorm> norm2_;
  std::shared_ptr<Attention> attn2_;
  std::shared_ptr<nn::LayerNorm> norm3_;
  std::shared_ptr<FeedForward> ff_;
};

class VideoTransformer : public Transformer {
 public:
  explicit VideoTransformer(const TransformerOptions& options);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x,
                                   const Conditioning& conditioning) const override;
  [[nodiscard]] const nn::Stack<TransformerBlock>& spatial_blocks() const override {
    return *blocks_;
  }

 private:
  [[nodiscard]] at::Tensor frame_embedding(const at::Tensor& tokens,
                                           const Conditioning& conditioning) const;

  std::int64_t width_;
  std::shared_ptr<nn::GroupNorm> norm_;
  std::shared_ptr<nn::Linear> proj_in_;
  std::shared_ptr<nn::Stack<TransformerBlock>> blocks_;
  std::shared_ptr<nn::Stack<TemporalTransformerBlock>> temporal_blocks_;
  std::shared_ptr<TimeEmbedding> time_pos_embed_;
  std::shared_ptr<AlphaBlender> mixer_;
  std::shared_ptr<nn::Linear> proj_out_;
};

}  // namespace tenon::models::unet
