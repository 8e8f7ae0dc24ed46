// Leaf layers that declare placeholders. Names, shapes and results are those of the torch layers they are called after.
// Each computes in the dtype of its own weights and answers in the dtype of its input, so mixed checkpoints just work.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include <tenon/nn/module.h>

namespace tenon::nn {

/// y = x W^T + b; weight [outputs, inputs], bias [outputs].
class Linear : public Module {
 public:
  Linear(std::int64_t inputs, std::int64_t outputs, bool with_bias = true);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;  // [..., inputs] -> [..., outputs]
  at::Tensor weight;
  at::Tensor bias;  // undefined when there is none
};

struct ConvOptions {
  std::int64_t stride = 1;
  std::int64_t padding = 0;
  std::int64_t groups = 1;
  bool bias = true;
};

/// weight [outputs, inputs / groups, h, w].
class Conv2d : public Module {
 public:
  Conv2d(std::int64_t inputs, std::int64_t outputs, std::array<std::int64_t, 2> kernel, ConvOptions options = {});
  Conv2d(std::int64_t inputs, std::int64_t outputs, std::int64_t kernel, ConvOptions options = {})
      : Conv2d(inputs, outputs, std::array{kernel, kernel}, options) {}
  /// A patch embedding: stride equals kernel.
  static std::shared_ptr<Conv2d> patches(std::int64_t inputs,
                                         std::int64_t outputs,
                                         std::array<std::int64_t, 2> patch,
                                         bool with_bias = true);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;  // [N, inputs, H, W] -> [N, outputs, H', W']
  at::Tensor weight;
  at::Tensor bias;

 private:
  std::array<std::int64_t, 2> stride_;
  std::int64_t padding_;
  std::int64_t groups_;
};

/// weight [outputs, inputs, t, h, w]; stride 1, padding per dimension.
class Conv3d : public Module {
 public:
  Conv3d(std::int64_t inputs,
         std::int64_t outputs,
         std::array<std::int64_t, 3> kernel,
         std::array<std::int64_t, 3> padding = {0, 0, 0});
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;  // [N, inputs, T, H, W] -> [N, outputs, T', H', W']
  at::Tensor weight;
  at::Tensor bias;

 private:
  std::array<std::int64_t, 3> padding_;
};

/// What the two kinds of token norm have in common, so that a block can hold either.
class Norm : public Module {
 public:
  [[nodiscard]] virtual at::Tensor forward(const at::Tensor& x) const = 0;  // [..., width] -> [..., width]
};

struct NormOptions {
  double eps = 1e-5;
  bool bias = true;
};

/// Over the last dimension; weight [width], bias [width].
class LayerNorm : public Norm {
 public:
  explicit LayerNorm(std::int64_t width, NormOptions options = {});
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const override;
  at::Tensor weight;
  at::Tensor bias;

 private:
  double eps_;
};

/// x / sqrt(mean(x^2) + eps) * weight over the last dimension; the mean in fp32; weight [width].
class RMSNorm : public Norm {
 public:
  explicit RMSNorm(std::int64_t width, double eps = 1e-6);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const override;
  at::Tensor weight;

 private:
  double eps_;
};

/// weight [channels], bias [channels]; x [N, channels, ...].
class GroupNorm : public Module {
 public:
  GroupNorm(std::int64_t groups, std::int64_t channels, double eps = 1e-5);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;
  at::Tensor weight;
  at::Tensor bias;

 private:
  std::int64_t groups_;
  double eps_;
};

/// Inference only: always uses the running statistics. `num_batches_tracked` is not registered, since forward needs none.
class BatchNorm2d : public Module {
 public:
  explicit BatchNorm2d(std::int64_t channels, double eps = 1e-5);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;  // [N, channels, H, W]
  at::Tensor weight;
  at::Tensor bias;
  at::Tensor running_mean;
  at::Tensor running_var;

 private:
  double eps_;
};

/// weight [entries, width]; ids are integers in [0, entries), checked by the caller.
class Embedding : public Module {
 public:
  Embedding(std::int64_t entries, std::int64_t width);
  [[nodiscard]] at::Tensor forward(const at::Tensor& ids) const;  // [...] -> [..., width]
  at::Tensor weight;
};

/// One bare parameter under the module's own name: Scale("gamma", {width}) gives "<module>.gamma".
class Parameter : public Module {
 public:
  Parameter(const std::string& name, at::IntArrayRef shape, Init init = {}) : value(declare(name, shape, init)) {}
  Parameter(const std::string& name, std::initializer_list<std::int64_t> shape, Init init = {})
      : Parameter(name, at::IntArrayRef(shape), init) {}
  at::Tensor value;
};

}  // namespace tenon::nn
