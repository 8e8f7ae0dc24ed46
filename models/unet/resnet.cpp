#include <tenon/models/unet/resnet.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/upsample_nearest2d.h>

namespace tenon::models::unet {
namespace {

constexpr nn::ConvOptions kSame{.padding = 1};

}  // namespace

ResidualBlock::ResidualBlock(const ResidualOptions& o)
    : norm1_(child<nn::GroupNorm>("norm1", o.groups, o.inputs, o.eps)),
      conv1_(child<nn::Conv2d>("conv1", o.inputs, o.outputs, 3, kSame)),
      time_emb_proj_(child<nn::Linear>("time_emb_proj",
                                       o.embedding,
                                       o.scale_shift ? 2 * o.outputs : o.outputs)),
      norm2_(child<nn::GroupNorm>("norm2", o.groups, o.outputs, o.eps)),
      conv2_(child<nn::Conv2d>("conv2", o.outputs, o.outputs, 3, kSame)),
      conv_shortcut_(o.inputs == o.outputs
                         ? nullptr
                         : child<nn::Conv2d>("conv_shortcut", o.inputs, o.outputs, 1)),
      act_(o.act),
      scale_shift_(o.scale_shift),
      output_scale_(o.output_scale) {}

at::Tensor ResidualBlock::forward(const at::Tensor& x, const Conditioning& conditioning) const {
  auto h = conv1_->forward(act_(norm1_->forward(x)));
  const auto time = time_emb_proj_->forward(act_(conditioning.embedding)).unsqueeze(-1).unsqueeze(-1);
  if (scale_shift_) {
    const auto halves = time.chunk(2, 1);
    h = norm2_->forward(h) * (1 + halves[0]) + halves[1];
  } else {
    h = norm2_->forward(h.add_(time));
  }
  h = conv2_->forward(act_(h));
  h.add_(conv_shortcut_ ? conv_shortcut_->forward(x) : x);
  return output_scale_ == 1 ? h : h.div_(output_scale_);
}

Downsample::Downsample(std::int64_t width, std::int64_t padding)
    : conv_(child<nn::Conv2d>("conv",
                              width,
                              width,
                              3,
                              nn::ConvOptions{.stride = 2, .padding = padding})),
      padding_(padding) {}

at::Tensor Downsample::forward(const at::Tensor& x) const {
  // Without padding of its own the convolution needs one more row and column at the far ends.
  return conv_->forward(padding_ == 0 ? at::constant_pad_nd(x, {0, 1, 0, 1}) : x);
}

Upsample::Upsample(std::int64_t width) : conv_(child<nn::Conv2d>("conv", width, width, 3, kSame)) {}

at::Tensor Upsample::forward(const at::Tensor& x) const {
  return conv_->forward(at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}));
}

}  // namespace tenon::models::unet
