#include <tenon/nn/layers.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/rms_norm.h>

namespace tenon::nn {
namespace {

/// `t` in the dtype of `like`; an undefined tensor stays undefined. A no-op where they agree.
at::Tensor cast_like(const at::Tensor& t, const at::Tensor& like) {
  return t.defined() ? t.to(like.scalar_type()) : t;
}

std::optional<at::Tensor> optional_cast_like(const at::Tensor& t, const at::Tensor& like) {
  return t.defined() ? std::optional(cast_like(t, like)) : std::nullopt;
}

}  // namespace

Linear::Linear(std::int64_t inputs, std::int64_t outputs, bool with_bias)
    : weight(declare("weight", {outputs, inputs}, Init::fan_in(inputs))) {
  if (with_bias) bias = declare("bias", {outputs}, Init::fan_in(inputs));
}

at::Tensor Linear::forward(const at::Tensor& x) const {
  return cast_like(at::linear(cast_like(x, weight), weight, optional_cast_like(bias, weight)), x);
}

Conv2d::Conv2d(std::int64_t inputs, std::int64_t outputs, std::array<std::int64_t, 2> kernel, ConvOptions options)
    : stride_{options.stride, options.stride}, padding_(options.padding), groups_(options.groups) {
  const auto per_group = inputs / options.groups;
  const auto init = Init::fan_in(per_group * kernel[0] * kernel[1]);
  weight = declare("weight", {outputs, per_group, kernel[0], kernel[1]}, init);
  if (options.bias) bias = declare("bias", {outputs}, init);
}

std::shared_ptr<Conv2d> Conv2d::patches(std::int64_t inputs,
                                        std::int64_t outputs,
                                        std::array<std::int64_t, 2> patch,
                                        bool with_bias) {
  auto conv = std::make_shared<Conv2d>(inputs, outputs, patch, ConvOptions{.bias = with_bias});
  conv->stride_ = patch;
  return conv;
}

at::Tensor Conv2d::forward(const at::Tensor& x) const {
  const auto y = at::conv2d(cast_like(x, weight),
                            weight,
                            optional_cast_like(bias, weight),
                            stride_,
                            {padding_, padding_},
                            /*dilation=*/{1, 1},
                            groups_);
  return cast_like(y, x);
}

Conv3d::Conv3d(std::int64_t inputs,
               std::int64_t outputs,
               std::array<std::int64_t, 3> kernel,
               std::array<std::int64_t, 3> padding)
    : padding_(padding) {
  const auto init = Init::fan_in(inputs * kernel[0] * kernel[1] * kernel[2]);
  weight = declare("weight", {outputs, inputs, kernel[0], kernel[1], kernel[2]}, init);
  bias = declare("bias", {outputs}, init);
}

at::Tensor Conv3d::forward(const at::Tensor& x) const {
  const auto y =
      at::conv3d(cast_like(x, weight), weight, optional_cast_like(bias, weight), /*stride=*/{1, 1, 1}, padding_);
  return cast_like(y, x);
}

LayerNorm::LayerNorm(std::int64_t width, NormOptions options)
    : weight(declare("weight", {width}, Init::ones())), eps_(options.eps) {
  if (options.bias) bias = declare("bias", {width});
}

at::Tensor LayerNorm::forward(const at::Tensor& x) const {
  return cast_like(at::layer_norm(cast_like(x, weight), weight.sizes(), weight, optional_cast_like(bias, weight), eps_), x);
}

RMSNorm::RMSNorm(std::int64_t width, double eps) : weight(declare("weight", {width}, Init::ones())), eps_(eps) {}

at::Tensor RMSNorm::forward(const at::Tensor& x) const {
  const auto wide = x.to(at::kFloat);
  const auto normed = wide * (wide.square().mean(-1, /*keepdim=*/true) + eps_).rsqrt();
  return cast_like(normed * weight, x);
}

GroupNorm::GroupNorm(std::int64_t groups, std::int64_t channels, double eps)
    : weight(declare("weight", {channels}, Init::ones())),
      bias(declare("bias", {channels})),
      groups_(groups),
      eps_(eps) {}

at::Tensor GroupNorm::forward(const at::Tensor& x) const {
  return cast_like(at::group_norm(cast_like(x, weight), groups_, weight, cast_like(bias, weight), eps_), x);
}

BatchNorm2d::BatchNorm2d(std::int64_t channels, double eps)
    : weight(declare("weight", {channels}, Init::ones())),
      bias(declare("bias", {channels})),
      running_mean(declare_buffer("running_mean", channels)),
      running_var(declare_buffer("running_var", channels, Init::ones())),
      eps_(eps) {}

at::Tensor BatchNorm2d::forward(const at::Tensor& x) const {
  return cast_like(at::batch_norm(cast_like(x, weight),
                           weight,
                           cast_like(bias, weight),
                           cast_like(running_mean, weight),
                           cast_like(running_var, weight),
                           /*training=*/false,
                           /*momentum=*/0,
                           eps_,
                           /*cudnn_enabled=*/true),
            x);
}

Embedding::Embedding(std::int64_t entries, std::int64_t width)
    : weight(declare("weight", {entries, width}, Init::normal(1))) {}

at::Tensor Embedding::forward(const at::Tensor& ids) const { return at::embedding(weight, ids); }

}  // namespace tenon::nn
