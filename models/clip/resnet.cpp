#include <tenon/models/clip/resnet.h>

#include <string>

#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/relu.h>

namespace tenon::models {
namespace {

constexpr nn::ConvOptions kPointwise{.bias = false};

nn::ConvOptions spatial(std::int64_t stride = 1) {
  return {.stride = stride, .padding = 1, .bias = false};
}

}  // namespace

ClipBottleneck::ClipBottleneck(std::int64_t inputs, std::int64_t planes, std::int64_t stride)
    : stride_(stride),
      conv1_(child<nn::Conv2d>("conv1", inputs, planes, std::int64_t{1}, kPointwise)),
      bn1_(child<nn::BatchNorm2d>("bn1", planes)),
      conv2_(child<nn::Conv2d>("conv2", planes, planes, std::int64_t{3}, spatial())),
      bn2_(child<nn::BatchNorm2d>("bn2", planes)),
      conv3_(child<nn::Conv2d>("conv3", planes, 4 * planes, std::int64_t{1}, kPointwise)),
      bn3_(child<nn::BatchNorm2d>("bn3", 4 * planes)) {
  if (stride > 1 || inputs != 4 * planes) {
    downsample_conv_ = child<nn::Conv2d>("downsample.0", inputs, 4 * planes, std::int64_t{1}, kPointwise);
    downsample_bn_ = child<nn::BatchNorm2d>("downsample.1", 4 * planes);
  }
}

at::Tensor ClipBottleneck::forward(const at::Tensor& x) const {
  at::Tensor y = at::relu(bn1_->forward(conv1_->forward(x)));
  y = at::relu(bn2_->forward(conv2_->forward(y)));
  if (stride_ > 1) y = at::avg_pool2d(y, {stride_, stride_});
  y = bn3_->forward(conv3_->forward(y));
  at::Tensor shortcut = x;
  if (downsample_conv_) {
    if (stride_ > 1) shortcut = at::avg_pool2d(x, {stride_, stride_});
    shortcut = downsample_bn_->forward(downsample_conv_->forward(shortcut));
  }
  return at::relu(y + shortcut);
}

ClipAttentionPool::ClipAttentionPool(std::int64_t grid, std::int64_t width, std::int64_t heads, std::int64_t outputs)
    : heads_(heads),
      positional_embedding_(declare("positional_embedding", {grid * grid + 1, width}, nn::Init::normal(0.02))),
      q_proj_(child<nn::Linear>("q_proj", width, width)),
      k_proj_(child<nn::Linear>("k_proj", width, width)),
      v_proj_(child<nn::Linear>("v_proj", width, width)),
      c_proj_(child<nn::Linear>("c_proj", width, outputs)) {}

at::Tensor ClipAttentionPool::forward(const at::Tensor& x) const {
  at::Tensor tokens = x.flatten(2).transpose(1, 2);
  tokens = at::cat({tokens.mean(1, /*keepdim=*/true), tokens}, 1) + positional_embedding_.to(x.scalar_type());
  const at::Tensor query = tokens.narrow(1, 0, 1);
  const at::Tensor pooled = nn::multi_head_attention(
      q_proj_->forward(query), k_proj_->forward(tokens), v_proj_->forward(tokens), heads_);
  return c_proj_->forward(pooled).squeeze(1);
}

ClipResNet::ClipResNet(const ClipResNetConfig& config, std::int64_t embed_dim) {
  const std::int64_t width = config.width;
  conv1_ = child<nn::Conv2d>("conv1", std::int64_t{3}, width / 2, std::int64_t{3}, spatial(2));
  bn1_ = child<nn::BatchNorm2d>("bn1", width / 2);
  conv2_ = child<nn::Conv2d>("conv2", width / 2, width / 2, std::int64_t{3}, spatial());
  bn2_ = child<nn::BatchNorm2d>("bn2", width / 2);
  conv3_ = child<nn::Conv2d>("conv3", width / 2, width, std::int64_t{3}, spatial());
  bn3_ = child<nn::BatchNorm2d>("bn3", width);
  constexpr std::array kNames{"layer1", "layer2", "layer3", "layer4"};
  std::int64_t inputs = width;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    layers_[i] = make_layer(kNames[i], inputs, width << i, config.layers[i], i == 0 ? 1 : 2);
  }
  // The stem and the layers halve the image five times.
  attnpool_ = child<ClipAttentionPool>("attnpool", config.image_size / 32, inputs, config.pool_heads, embed_dim);
}

ClipResNet::Layer ClipResNet::make_layer(
    const char* name, std::int64_t& inputs, std::int64_t planes, std::int64_t blocks, std::int64_t stride) {
  auto layer = child<nn::Stack<ClipBottleneck>>(name);
  for (std::int64_t i = 0; i < blocks; ++i) {
    layer->add(inputs, planes, i == 0 ? stride : 1);
    inputs = 4 * planes;
  }
  return layer;
}

ClipTower ClipResNet::forward(const at::Tensor& pixel_values) const {
  at::Tensor x = at::relu(bn1_->forward(conv1_->forward(pixel_values.to(conv1_->weight.scalar_type()))));
  x = at::relu(bn2_->forward(conv2_->forward(x)));
  x = at::relu(bn3_->forward(conv3_->forward(x)));
  x = at::avg_pool2d(x, {2, 2});
  for (const Layer& layer : layers_) {
    for (const auto& block : *layer) x = block->forward(x);
  }
  ClipTower tower;
  tower.features = attnpool_->forward(x);
  return tower;
}

}  // namespace tenon::models
