#include <tenon/models/unet/temporal.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/where.h>

namespace tenon::models::unet {
namespace {

constexpr std::array<std::int64_t, 3> kThreeFrames{3, 1, 1};
constexpr std::array<std::int64_t, 3> kSameFrames{1, 0, 0};

}  // namespace

AlphaBlender::AlphaBlender()
    : mix_factor_(declare("mix_factor", {1}, nn::Init::constant(0.5))) {}

at::Tensor AlphaBlender::forward(const at::Tensor& spatial,
                                 const at::Tensor& temporal,
                                 const at::Tensor& image_only_indicator) const {
  const auto learned = at::sigmoid(mix_factor_).expand(image_only_indicator.sizes());
  auto alpha = at::where(image_only_indicator.to(at::kBool), at::ones_like(learned), learned);
  alpha = spatial.dim() == 5 ? alpha.unsqueeze(1).unsqueeze(-1).unsqueeze(-1)
                             : alpha.reshape({-1, 1, 1});
  alpha = alpha.to(spatial.scalar_type());
  return alpha * spatial + (1 - alpha) * temporal;
}

TemporalResidualBlock::TemporalResidualBlock(std::int64_t width,
                                             std::int64_t embedding,
                                             std::int64_t groups,
                                             double eps)
    : norm1_(child<nn::GroupNorm>("norm1", groups, width, eps)),
      conv1_(child<nn::Conv3d>("conv1", width, width, kThreeFrames, kSameFrames)),
      time_emb_proj_(child<nn::Linear>("time_emb_proj", embedding, width)),
      norm2_(child<nn::GroupNorm>("norm2", groups, width, eps)),
      conv2_(child<nn::Conv3d>("conv2", width, width, kThreeFrames, kSameFrames)) {}

at::Tensor TemporalResidualBlock::forward(const at::Tensor& x, const at::Tensor& embedding) const {
  const auto time = time_emb_proj_->forward(at::silu(embedding));  // [clips, frames, width]
  const auto h = conv1_->forward(at::silu(norm1_->forward(x))) +
                 time.transpose(1, 2).unsqueeze(-1).unsqueeze(-1);
  return x + conv2_->forward(at::silu(norm2_->forward(h)));
}

VideoResidual::VideoResidual(const ResidualOptions& o)
    : spatial_(child<ResidualBlock>("spatial_res_block", o)),
      temporal_(child<TemporalResidualBlock>("temporal_res_block",
                                             o.outputs,
                                             o.embedding,
                                             o.groups,
                                             o.eps)),
      mixer_(child<AlphaBlender>("time_mixer")) {}

at::Tensor VideoResidual::forward(const at::Tensor& x, const Conditioning& conditioning) const {
  const auto by_clip = [&](const at::Tensor& t) { return t.unflatten(0, {-1, conditioning.frames}); };
  const auto spatial = by_clip(spatial_->forward(x, conditioning)).transpose(1, 2);
  const auto temporal = temporal_->forward(spatial, by_clip(conditioning.embedding));
  const auto mixed = mixer_->forward(spatial, temporal, conditioning.image_only_indicator);
  return mixed.transpose(1, 2).flatten(0, 1).contiguous();
}

TemporalTransformerBlock::TemporalTransformerBlock(std::int64_t width,
                                                   std::int64_t context_width,
                                                   std::int64_t heads)
    : norm_in_(child<nn::LayerNorm>("norm_in", width)),
      ff_in_(child<FeedForward>("ff_in", width)),
      norm1_(child<nn::LayerNorm>("norm1", width)),
      attn1_(child<Attention>("attn1", width, width, heads)),
      norm2_(child<nn::LayerNorm>("norm2", width)),
      attn2_(child<Attention>("attn2", width, context_width, heads)),
      norm3_(child<nn::LayerNorm>("norm3", width)),
      ff_(child<FeedForward>("ff", width)) {}

at::Tensor TemporalTransformerBlock::forward(const at::Tensor& x,
                                             const Conditioning& conditioning) const {
  const auto positions = x.size(1);
  // [clips * frames, L, C] -> [clips * L, frames, C]
  auto y = x.unflatten(0, {-1, conditioning.frames}).transpose(1, 2).flatten(0, 1);
  y = y + ff_in_->forward(norm_in_->forward(y));
  const auto normed = norm1_->forward(y);
  y = y + attn1_->forward(normed, normed, conditioning);
  const auto context = conditioning.time_context.repeat_interleave(positions, 0);
  y = y + attn2_->forward(norm2_->forward(y), context, conditioning);
  y = y + ff_->forward(norm3_->forward(y));
  return y.unflatten(0, {-1, positions}).transpose(1, 2).flatten(0, 1);
}

VideoTransformer::VideoTransformer(const TransformerOptions& o)
    : width_(o.width),
      norm_(child<nn::GroupNorm>("norm", o.groups, o.width, kEntryEps)),
      proj_in_(child<nn::Linear>("proj_in", o.width, o.width)),
      blocks_(child<nn::Stack<TransformerBlock>>("transformer_blocks")),
      temporal_blocks_(child<nn::Stack<TemporalTransformerBlock>>("temporal_transformer_blocks")),
      time_pos_embed_(
          child<TimeEmbedding>("time_pos_embed",
                               TimeEmbedding::Options{.inputs = o.width,
                                                      .hidden = 4 * o.width,
                                                      .outputs = o.width,
                                                      .act = nn::activation("silu")})),
      mixer_(child<AlphaBlender>("time_mixer")),
      proj_out_(child<nn::Linear>("proj_out", o.width, o.width)) {
  for (std::int64_t i = 0; i < o.depth; ++i) {
    blocks_->add<TransformerBlock>(o.width, o.context, o.heads);
    temporal_blocks_->add<TemporalTransformerBlock>(o.width, o.context, o.heads);
  }
}

at::Tensor VideoTransformer::frame_embedding(const at::Tensor& tokens,
                                             const Conditioning& conditioning) const {
  const auto frames = at::arange(conditioning.frames, tokens.options().dtype(at::kLong));
  const auto embedding =
      time_pos_embed_->forward(nn::timestep_embedding(frames, width_).to(tokens.scalar_type()));
  return embedding.repeat({tokens.size(0) / conditioning.frames, 1}).unsqueeze(1);
}

at::Tensor VideoTransformer::forward(const at::Tensor& x, const Conditioning& conditioning) const {
  auto tokens = proj_in_->forward(to_tokens(norm_->forward(x)));
  const auto frames = frame_embedding(tokens, conditioning);
  for (std::size_t i = 0; i < blocks_->size(); ++i) {
    tokens = (*blocks_)[i]->forward(tokens, conditioning.context, conditioning);
    const auto temporal = (*temporal_blocks_)[i]->forward(tokens + frames, conditioning);
    tokens = mixer_->forward(tokens, temporal, conditioning.image_only_indicator);
  }
  return x + to_image(proj_out_->forward(tokens), x.size(2), x.size(3));
}

}  // namespace tenon::models::unet
