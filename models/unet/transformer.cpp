#include <tenon/models/unet/transformer.h>

#include <ATen/TensorOperators.h>

namespace tenon::models::unet {

SpatialTransformer::SpatialTransformer(const TransformerOptions& o)
    : norm_(child<nn::GroupNorm>("norm", o.groups, o.width, kEntryEps)) {
  if (o.linear_projection) {
    proj_in_ = child<nn::Linear>("proj_in", o.width, o.width);
  } else {
    conv_in_ = child<nn::Conv2d>("proj_in", o.width, o.width, 1);
  }
  blocks_ = child<nn::Stack<TransformerBlock>>("transformer_blocks");
  for (std::int64_t i = 0; i < o.depth; ++i) {
    blocks_->add<TransformerBlock>(o.width, o.context, o.heads);
  }
  if (o.linear_projection) {
    proj_out_ = child<nn::Linear>("proj_out", o.width, o.width);
  } else {
    conv_out_ = child<nn::Conv2d>("proj_out", o.width, o.width, 1);
  }
}

at::Tensor SpatialTransformer::forward(const at::Tensor& x, const Conditioning& conditioning) const {
  const auto normed = norm_->forward(x);
  auto tokens = conv_in_ ? to_tokens(conv_in_->forward(normed)) : proj_in_->forward(to_tokens(normed));
  for (const auto& block : *blocks_) {
    tokens = block->forward(tokens, conditioning.context, conditioning);
  }
  const auto image = [&](const at::Tensor& t) { return to_image(t, x.size(2), x.size(3)); };
  return (conv_out_ ? conv_out_->forward(image(tokens)) : image(proj_out_->forward(tokens))).add_(x);
}

at::Tensor to_tokens(const at::Tensor& image) { return image.flatten(2).transpose(1, 2).contiguous(); }

at::Tensor to_image(const at::Tensor& tokens, std::int64_t height, std::int64_t width) {
  return tokens.transpose(1, 2).unflatten(2, {height, width}).contiguous();
}

}  // namespace tenon::models::unet
