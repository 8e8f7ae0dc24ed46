#include <tenon/nn/perceiver.h>

#include <cmath>
#include <string>

#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>

#include <tenon/nn/functional.h>

namespace tenon::nn {

PerceiverAttention::PerceiverAttention(std::int64_t width, std::int64_t head_dim, std::int64_t heads)
    : heads_(heads),
      head_dim_(head_dim),
      norm1_(child<LayerNorm>("norm1", width)),
      norm2_(child<LayerNorm>("norm2", width)),
      to_q_(child<Linear>("to_q", width, head_dim * heads, /*with_bias=*/false)),
      to_kv_(child<Linear>("to_kv", width, 2 * head_dim * heads, /*with_bias=*/false)),
      to_out_(child<Linear>("to_out", head_dim * heads, width, /*with_bias=*/false)) {}

at::Tensor PerceiverAttention::forward(const at::Tensor& features, const at::Tensor& latents) const {
  const at::Tensor x = norm1_->forward(features);
  const at::Tensor l = norm2_->forward(latents);
  const at::Tensor q = split_heads(to_q_->forward(l), heads_);
  const auto kv = to_kv_->forward(at::cat({x, l}, -2)).chunk(2, -1);
  const at::Tensor k = split_heads(kv[0], heads_);
  const at::Tensor v = split_heads(kv[1], heads_);
  const double scale = 1.0 / std::sqrt(std::sqrt(static_cast<double>(head_dim_)));
  const at::Tensor scores = at::matmul(q * scale, (k * scale).transpose(-2, -1));
  const at::Tensor weights = at::softmax(scores.to(at::kFloat), -1).to(scores.scalar_type());
  return to_out_->forward(merge_heads(at::matmul(weights, v)));
}

PerceiverFeedForward::PerceiverFeedForward(std::int64_t width, std::int64_t mult)
    : norm_(child<LayerNorm>("0", width)),
      expand_(child<Linear>("1", width, mult * width, /*with_bias=*/false)),
      contract_(child<Linear>("3", mult * width, width, /*with_bias=*/false)) {}

at::Tensor PerceiverFeedForward::forward(const at::Tensor& x) const {
  return contract_->forward(at::gelu(expand_->forward(norm_->forward(x))));
}

Perceiver::Perceiver(const PerceiverConfig& c)
    : proj_in_(child<Linear>("proj_in", c.features, c.width)),
      proj_out_(child<Linear>("proj_out", c.width, c.outputs)),
      norm_out_(child<LayerNorm>("norm_out", c.outputs)) {
  for (std::int64_t i = 0; i < c.depth; ++i) {
    const std::string layer = "layers." + std::to_string(i);
    layers_.push_back({child<PerceiverAttention>(layer + ".0", c.width, c.head_dim, c.heads),
                       child<PerceiverFeedForward>(layer + ".1", c.width, c.ff_mult)});
  }
}

at::Tensor Perceiver::forward(at::Tensor latents, const at::Tensor& features) const {
  const at::Tensor x = proj_in_->forward(features);
  for (const Layer& layer : layers_) {
    latents = layer.attention->forward(x, latents) + latents;
    latents = layer.feed_forward->forward(latents) + latents;
  }
  return norm_out_->forward(proj_out_->forward(latents));
}

}  // namespace tenon::nn
