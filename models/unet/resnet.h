// The residual block, and the layers that change the resolution.
#pragma once

#include <cstdint>
#include <memory>

#include <tenon/nn/functional.h>
#include <tenon/nn/layers.h>

#include <tenon/models/unet/conditioning.h>

namespace tenon::models::unet {

/// A residual block of either kind: with or without a temporal half.
class Residual : public nn::Module {
 public:
  /// x [N, inputs, H, W] -> [N, outputs, H, W].
  [[nodiscard]] virtual at::Tensor forward(const at::Tensor& x,
                                           const Conditioning& conditioning) const = 0;
};

struct ResidualOptions {
  std::int64_t inputs = 0;
  std::int64_t outputs = 0;
  std::int64_t embedding = 0;
  std::int64_t groups = 32;
  double eps = 1e-5;
  nn::Activation act = nullptr;
  bool scale_shift = false;
  double output_scale = 1;
};

class ResidualBlock : public Residual {
 public:
  explicit ResidualBlock(const ResidualOptions& options);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x,
                                   const Conditioning& conditioning) const override;

 private:
  std::shared_ptr<nn::GroupNorm> norm1_;
  std::shared_ptr<nn::Conv2d> conv1_;
  std::shared_ptr<nn::Linear> time_emb_proj_;
  std::shared_ptr<nn::GroupNorm> norm2_;
  std::shared_ptr<nn::Conv2d> conv2_;
  std::shared_ptr<nn::Conv2d> conv_shortcut_;  // null where the width stays
  nn::Activation act_;
  bool scale_shift_;
  double output_scale_;
};

/// Halves height and width.
class Downsample : public nn::Module {
 public:
  Downsample(std::int64_t width, std::int64_t padding);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;

 private:
  std::shared_ptr<nn::Conv2d> conv_;
  std::int64_t padding_;
};

/// Doubles height and width: nearest neighbour, then a convolution.
class Upsample : public nn::Module {
 public:
  explicit Upsample(std::int64_t width);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;

 private:
  std::shared_ptr<nn::Conv2d> conv_;
};

}  // namespace tenon::models::unet
