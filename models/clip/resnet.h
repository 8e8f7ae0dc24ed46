// The ModifiedResNet image tower of CLIP (RN50 to RN50x64): three-convolution stem, average pools instead of strided
// convolutions, attention pooling (Radford et al., 2021, section 2.4). Names are open_clip's.
#pragma once

#include <memory>

#include <tenon/models/clip/clip.h>

namespace tenon::models {

/// x [N, C, H, W] -> [N, 4 planes, H / stride, W / stride].
class ClipBottleneck : public nn::Module {
 public:
  ClipBottleneck(std::int64_t inputs, std::int64_t planes, std::int64_t stride);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;

 private:
  std::int64_t stride_;
  std::shared_ptr<nn::Conv2d> conv1_;
  std::shared_ptr<nn::BatchNorm2d> bn1_;
  std::shared_ptr<nn::Conv2d> conv2_;
  std::shared_ptr<nn::BatchNorm2d> bn2_;
  std::shared_ptr<nn::Conv2d> conv3_;
  std::shared_ptr<nn::BatchNorm2d> bn3_;
  std::shared_ptr<nn::Conv2d> downsample_conv_;  // null where input and output agree
  std::shared_ptr<nn::BatchNorm2d> downsample_bn_;
};

/// One query, the mean of all positions, attends to the mean and every position.
class ClipAttentionPool : public nn::Module {
 public:
  ClipAttentionPool(std::int64_t grid, std::int64_t width, std::int64_t heads, std::int64_t outputs);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;  // [N, width, grid, grid] -> [N, outputs]

 private:
  std::int64_t heads_;
  at::Tensor positional_embedding_;
  std::shared_ptr<nn::Linear> q_proj_;
  std::shared_ptr<nn::Linear> k_proj_;
  std::shared_ptr<nn::Linear> v_proj_;
  std::shared_ptr<nn::Linear> c_proj_;
};

class ClipResNet : public ClipVisual {
 public:
  ClipResNet(const ClipResNetConfig& config, std::int64_t embed_dim);
  /// Gives `features` only.
  [[nodiscard]] ClipTower forward(const at::Tensor& pixel_values) const override;

 private:
  using Layer = std::shared_ptr<nn::Stack<ClipBottleneck>>;
  Layer make_layer(const char* name, std::int64_t& inputs, std::int64_t planes, std::int64_t blocks, std::int64_t stride);

  std::shared_ptr<nn::Conv2d> conv1_;
  std::shared_ptr<nn::BatchNorm2d> bn1_;
  std::shared_ptr<nn::Conv2d> conv2_;
  std::shared_ptr<nn::BatchNorm2d> bn2_;
  std::shared_ptr<nn::Conv2d> conv3_;
  std::shared_ptr<nn::BatchNorm2d> bn3_;
  std::array<Layer, 4> layers_;
  std::shared_ptr<ClipAttentionPool> attnpool_;
};

}  // namespace tenon::models
