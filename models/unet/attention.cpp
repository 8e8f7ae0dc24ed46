#include <tenon/models/unet/attention.h>

#include <ATen/TensorOperators.h>
#include <tenon/nn/functional.h>

namespace tenon::models::unet {

using Projection = AttentionAdapter::Projection;

Attention::Attention(std::int64_t width, std::int64_t context_width, std::int64_t heads)
    : to_q(child<nn::Linear>("to_q", width, width, /*with_bias=*/false)),
      to_k(child<nn::Linear>("to_k", context_width, width, /*with_bias=*/false)),
      to_v(child<nn::Linear>("to_v", context_width, width, /*with_bias=*/false)),
      to_out(child<nn::Linear>("to_out.0", width, width)),
      width_(width),
      context_width_(context_width),
      heads_(heads) {}

at::Tensor Attention::forward(const at::Tensor& x,
                              const at::Tensor& context,
                              const Conditioning& conditioning) const {
  const auto project = [&](Projection which, const nn::Linear& linear, const at::Tensor& in) {
    auto out = linear.forward(in);
    if (!adapter_) return out;
    const auto added = adapter_->project(which, in);
    return added.defined() ? out + added : out;
  };
  const auto query = project(Projection::kQuery, *to_q, x);
  const auto key = project(Projection::kKey, *to_k, context);
  const auto value = project(Projection::kValue, *to_v, context);
  auto y = nn::multi_head_attention(query, key, value, heads_);
  if (adapter_) {
    const auto added = adapter_->attend(query, heads_, conditioning);
    if (added.defined()) y = y + added;
  }
  return project(Projection::kOut, *to_out, y);
}

FeedForward::FeedForward(std::int64_t width)
    : in_(child<nn::Linear>("net.0.proj", width, 8 * width)),
      out_(child<nn::Linear>("net.2", 4 * width, width)) {}

at::Tensor FeedForward::forward(const at::Tensor& x) const {
  return out_->forward(nn::geglu(in_->forward(x)));
}

TransformerBlock::TransformerBlock(std::int64_t width,
                                   std::int64_t context_width,
                                   std::int64_t heads)
    : norm1(child<nn::LayerNorm>("norm1", width)),
      attn1(child<Attention>("attn1", width, width, heads)),
      norm2(child<nn::LayerNorm>("norm2", width)),
      attn2(child<Attention>("attn2", width, context_width, heads)),
      norm3(child<nn::LayerNorm>("norm3", width)),
      ff(child<FeedForward>("ff", width)) {}

at::Tensor TransformerBlock::forward(at::Tensor x,
                                     const at::Tensor& context,
                                     const Conditioning& conditioning) const {
  const auto normed = norm1->forward(x);
  // What a branch returns is nobody else's: adding into it spares a tensor of the image's size.
  x = attn1->forward(normed, normed, conditioning).add_(x);
  x = attn2->forward(norm2->forward(x), context, conditioning).add_(x);
  return ff->forward(norm3->forward(x)).add_(x);
}

}  // namespace tenon::models::unet
