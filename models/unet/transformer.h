// Attention over the positions of an image.
#pragma once

#include <cstdint>
#include <memory>

#include <tenon/nn/layers.h>

#include <tenon/models/unet/attention.h>
#include <tenon/models/unet/conditioning.h>

namespace tenon::models::unet {

/// Epsilon of a transformer's entry norm, whatever the residual blocks use.
inline constexpr double kEntryEps = 1e-6;

struct TransformerOptions {
  std::int64_t width = 0;
  std::int64_t context = 0;
  std::int64_t heads = 1;
  std::int64_t depth = 1;
  std::int64_t groups = 32;
  bool linear_projection = false;
};

/// A transformer of either kind: with or without a temporal half.
class Transformer : public nn::Module {
 public:
  /// x [N, width, H, W] -> the same.
  [[nodiscard]] virtual at::Tensor forward(const at::Tensor& x,
                                           const Conditioning& conditioning) const = 0;
  /// Its blocks over positions, whose `attn2` an adapter extends.
  [[nodiscard]] virtual const nn::Stack<TransformerBlock>& spatial_blocks() const = 0;
};

class SpatialTransformer : public Transformer {
 public:
  explicit SpatialTransformer(const TransformerOptions& options);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x,
                                   const Conditioning& conditioning) const override;
  [[nodiscard]] const nn::Stack<TransformerBlock>& spatial_blocks() const override {
    return *blocks_;
  }

 private:
  std::shared_ptr<nn::GroupNorm> norm_;
  // Linear layers, or convolutions of one pixel: the same numbers, stored in another shape.
  std::shared_ptr<nn::Linear> proj_in_, proj_out_;
  std::shared_ptr<nn::Conv2d> conv_in_, conv_out_;
  std::shared_ptr<nn::Stack<TransformerBlock>> blocks_;
};

/// [N, C, H, W] -> [N, H * W, C].
[[nodiscard]] at::Tensor to_tokens(const at::Tensor& image);
/// [N, height * width, C] -> [N, C, height, width].
[[nodiscard]] at::Tensor to_image(const at::Tensor& tokens, std::int64_t height, std::int64_t width);

}  // namespace tenon::models::unet
