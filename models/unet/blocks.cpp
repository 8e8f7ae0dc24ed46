#include <tenon/models/unet/blocks.h>

#include <ATen/ops/cat.h>

#include <tenon/models/unet/temporal.h>

namespace tenon::models::unet {
namespace {

constexpr double kPlainEps = 1e-5;

ResidualOptions residual_options(const Structure& s, std::int64_t inputs, std::int64_t outputs) {
  return {.inputs = inputs,
          .outputs = outputs,
          .embedding = s.embedding_width(),
          .groups = s.groups,
          .eps = s.norm_eps,
          .act = nn::activation(s.act),
          .scale_shift = s.scale_shift};
}

}  // namespace

void Stage::add_residual(const Structure& s, const ResidualOptions& options) {
  if (!resnets_) resnets_ = child<nn::Stack<Residual>>("resnets");
  if (s.video) {
    resnets_->add<VideoResidual>(options);
  } else {
    resnets_->add<ResidualBlock>(options);
  }
}

void Stage::add_transformer(const Structure& s, const Level& level, std::int64_t depth) {
  if (!attention_stack_) attention_stack_ = child<nn::Stack<Transformer>>("attentions");
  const TransformerOptions options{.width = level.width,
                                   .context = s.context,
                                   .heads = level.heads,
                                   .depth = depth,
                                   .groups = s.groups,
                                   .linear_projection = s.linear_projection};
  if (s.video) {
    attentions_.push_back(attention_stack_->add<VideoTransformer>(options));
  } else {
    attentions_.push_back(attention_stack_->add<SpatialTransformer>(options));
  }
}

at::Tensor Stage::layer(std::size_t i, const at::Tensor& x, const Conditioning& conditioning) const {
  const auto y = (*resnets_)[i]->forward(x, conditioning);
  return i < attentions_.size() ? attentions_[i]->forward(y, conditioning) : y;
}

DownBlock::DownBlock(const Structure& s, std::size_t index) {
  const auto& level = s.levels[index];
  auto inputs = s.levels[index == 0 ? 0 : index - 1].width;
  for (const auto depth : level.down) {
    auto options = residual_options(s, inputs, level.width);
    // In diffusers' video classes the block without attention keeps the plain epsilon.
    if (s.video && !level.down_attends()) options.eps = kPlainEps;
    add_residual(s, options);
    if (depth > 0) add_transformer(s, level, depth);
    inputs = level.width;
  }
  if (index + 1 < s.levels.size()) {
    downsamplers_ = child<nn::Stack<Downsample>>("downsamplers");
    downsamplers_->add<Downsample>(level.width, s.downsample_padding);
  }
}

at::Tensor DownBlock::forward(at::Tensor x, const Conditioning& conditioning, Skips& skips) const {
  for (std::size_t i = 0; i < resnets_->size(); ++i) {
    x = layer(i, x, conditioning);
    skips.push_back(x);
  }
  if (downsamplers_) {
    x = (*downsamplers_)[0]->forward(x);
    skips.push_back(x);
  }
  return x;
}

MidBlock::MidBlock(const Structure& s) {
  const auto& level = s.levels.back();
  auto options = residual_options(s, level.width, level.width);
  options.output_scale = s.mid_block_scale_factor;
  if (s.video) options.eps = kPlainEps;
  add_residual(s, options);
  if (s.mid != Mid::kAttention) return;
  add_transformer(s, level, s.mid_depth);
  add_residual(s, options);
}

at::Tensor MidBlock::forward(const at::Tensor& x, const Conditioning& conditioning) const {
  auto y = layer(0, x, conditioning);
  return resnets_->size() > 1 ? layer(1, y, conditioning) : y;
}

UpBlock::UpBlock(const Structure& s, std::size_t index) {
  const auto& level = s.levels[index];
  const bool deepest = index + 1 == s.levels.size();
  auto inputs = s.levels[deepest ? index : index + 1].width;
  const auto last_skip = s.levels[index == 0 ? 0 : index - 1].width;
  for (std::size_t i = 0; i < level.up.size(); ++i) {
    const auto skip = i + 1 == level.up.size() ? last_skip : level.width;
    add_residual(s, residual_options(s, inputs + skip, level.width));
    if (level.up[i] > 0) add_transformer(s, level, level.up[i]);
    inputs = level.width;
  }
  if (index > 0) {
    upsamplers_ = child<nn::Stack<Upsample>>("upsamplers");
    upsamplers_->add<Upsample>(level.width);
  }
}

at::Tensor UpBlock::forward(at::Tensor x, const Conditioning& conditioning, Skips& skips) const {
  for (std::size_t i = 0; i < resnets_->size(); ++i) {
    x = layer(i, at::cat({x, skips.back()}, 1), conditioning);
    skips.pop_back();
  }
  return upsamplers_ ? (*upsamplers_)[0]->forward(x) : x;
}

}  // namespace tenon::models::unet
