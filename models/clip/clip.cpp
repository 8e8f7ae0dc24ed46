#include <tenon/models/clip/clip.h>

#include <stdexcept>

#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>

#include <tenon/models/clip/resnet.h>

namespace tenon::models {
namespace {

at::Tensor scaled(const at::Tensor& x, const std::shared_ptr<nn::Parameter>& gamma) {
  return gamma ? x * gamma->value.to(x.scalar_type()) : x;
}

at::Tensor normalised(const at::Tensor& features) {
  return features / features.norm(2, {-1}, /*keepdim=*/true).clamp_min(1e-12);
}

at::Tensor projected(const at::Tensor& pooled, const at::Tensor& projection) {
  return projection.defined() ? at::matmul(pooled, projection.to(pooled.scalar_type())) : at::Tensor();
}

}  // namespace

ClipAttention::ClipAttention(std::int64_t width, std::int64_t heads)
    : heads_(heads),
      in_proj_weight_(declare("in_proj_weight", {3 * width, width}, nn::Init::normal(0.02))),
      in_proj_bias_(declare("in_proj_bias", {3 * width})),
      out_proj_(child<nn::Linear>("out_proj", width, width)) {}

at::Tensor ClipAttention::forward(const at::Tensor& x, bool causal) const {
  const at::Tensor input = x.to(in_proj_weight_.scalar_type());
  const at::Tensor qkv = at::linear(input, in_proj_weight_, in_proj_bias_.to(input.scalar_type()));
  const auto parts = qkv.chunk(3, -1);
  nn::AttentionOptions options;
  options.causal = causal;
  const at::Tensor mixed = nn::multi_head_attention(parts[0], parts[1], parts[2], heads_, options);
  return out_proj_->forward(mixed).to(x.scalar_type());
}

ClipBlock::ClipBlock(const Options& o)
    : act_(o.act),
      ln_1_(child<nn::LayerNorm>("ln_1", o.width, nn::NormOptions{.eps = o.eps})),
      attn_(child<ClipAttention>("attn", o.width, o.heads)),
      ls_1_(o.layer_scale ? child<nn::Parameter>("ls_1", "gamma", std::initializer_list<std::int64_t>{o.width}) : nullptr),
      ln_2_(child<nn::LayerNorm>("ln_2", o.width, nn::NormOptions{.eps = o.eps})),
      c_fc_(child<nn::Linear>("mlp.c_fc", o.width, o.mlp_hidden)),
      c_proj_(child<nn::Linear>("mlp.c_proj", o.mlp_hidden, o.width)),
      ls_2_(o.layer_scale ? child<nn::Parameter>("ls_2", "gamma", std::initializer_list<std::int64_t>{o.width}) : nullptr) {}

at::Tensor ClipBlock::forward(const at::Tensor& x, bool causal) const {
  const at::Tensor y = x + scaled(attn_->forward(ln_1_->forward(x), causal), ls_1_);
  return y + scaled(c_proj_->forward(act_(c_fc_->forward(ln_2_->forward(y)))), ls_2_);
}

ClipTransformer::ClipTransformer(const ClipBlock::Options& options, std::int64_t layers)
    : resblocks_(child<nn::Stack<ClipBlock>>("resblocks")) {
  for (std::int64_t i = 0; i < layers; ++i) resblocks_->add(options);
}

ClipTransformer::States ClipTransformer::forward(at::Tensor x, bool causal) const {
  States states{.last = x, .penultimate = x};
  for (const auto& block : *resblocks_) {
    states.penultimate = states.last;
    states.last = block->forward(states.last, causal);
  }
  return states;
}

ClipVit::ClipVit(const ClipVitConfig& c, std::int64_t embed_dim, nn::Activation act)
    : config_(c),
      conv1_(nn::Conv2d::patches(3, c.width, {c.patch_size, c.patch_size}, /*with_bias=*/false)) {
  attach("conv1", conv1_);
  const std::int64_t grid = c.image_size / c.patch_size;
  class_embedding_ = declare("class_embedding", {c.width}, nn::Init::normal(0.02));
  positional_embedding_ = declare("positional_embedding", {grid * grid + 1, c.width}, nn::Init::normal(0.02));
  if (c.ln_pre) ln_pre_ = child<nn::LayerNorm>("ln_pre", c.width, nn::NormOptions{.eps = c.eps});
  transformer_ = child<ClipTransformer>(
      "transformer",
      ClipBlock::Options{c.width, c.heads, c.mlp_hidden, c.layer_scale, c.eps, act},
      c.layers);
  ln_post_ = child<nn::LayerNorm>("ln_post", c.width, nn::NormOptions{.eps = c.eps});
  if (c.projection) proj_ = declare("proj", {c.width, embed_dim}, nn::Init::normal(0.02));
}

ClipTower ClipVit::forward(const at::Tensor& pixel_values) const {
  const at::Tensor patches = conv1_->forward(pixel_values.to(conv1_->weight.scalar_type())).flatten(2).transpose(1, 2);
  const at::Tensor cls = class_embedding_.to(patches.scalar_type()).expand({patches.size(0), 1, -1});
  at::Tensor x = at::cat({cls, patches}, 1) + positional_embedding_.to(patches.scalar_type());
  if (ln_pre_) x = ln_pre_->forward(x);
  const auto states = transformer_->forward(x, /*causal=*/false);
  const auto pool = [this](const at::Tensor& tokens) {
    return config_.average_pool ? tokens.narrow(1, 1, tokens.size(1) - 1).mean(1) : tokens.select(1, 0);
  };
  const at::Tensor pooled =
      config_.final_ln_after_pool ? ln_post_->forward(pool(states.last)) : pool(ln_post_->forward(states.last));
  return {.tokens = states.last,
          .penultimate = states.penultimate,
          .penultimate_normed = {},
          .pooled = pooled,
          .features = projected(pooled, proj_)};
}

Clip::Clip(const ClipConfig& c) : config_(c) {
  const nn::Activation act = nn::activation(c.quick_gelu ? "quick_gelu" : "gelu");
  if (c.vit) visual_ = child<ClipVit>("visual", *c.vit, c.embed_dim, act);
  if (c.resnet) visual_ = child<ClipResNet>("visual", *c.resnet, c.embed_dim);
  if (c.text) {
    const ClipTextConfig& t = *c.text;
    positional_embedding_ = declare("positional_embedding", {t.context_length, t.width}, nn::Init::normal(0.01));
    token_embedding_ = child<nn::Embedding>("token_embedding", t.vocab_size, t.width);
    transformer_ = child<ClipTransformer>(
        "transformer",
        ClipBlock::Options{t.width, t.heads, t.mlp_hidden, t.layer_scale, t.eps, act},
        t.layers);
    ln_final_ = child<nn::LayerNorm>("ln_final", t.width, nn::NormOptions{.eps = t.eps});
    if (t.projection) text_projection_ = declare("text_projection", {t.width, c.embed_dim}, nn::Init::normal(0.02));
  }
  if (c.logit_scale) logit_scale_ = declare("logit_scale", at::IntArrayRef{});
  if (c.logit_bias) logit_bias_ = declare("logit_bias", at::IntArrayRef{});
}

ClipTower Clip::encode_image(const at::Tensor& pixel_values) const {
  if (!visual_) throw std::logic_error("this CLIP has no vision tower");
  return visual_->forward(pixel_values);
}

ClipTower Clip::encode_text(const at::Tensor& input_ids) const {
  if (!transformer_) throw std::logic_error("this CLIP has no text tower");
  const at::Tensor embedded = token_embedding_->forward(input_ids);
  const at::Tensor positions = positional_embedding_.narrow(0, 0, input_ids.size(1)).to(embedded.scalar_type());
  const auto states = transformer_->forward(embedded + positions, config_.text->causal);
  const at::Tensor tokens = ln_final_->forward(states.last);
  const at::Tensor pooled = pool(tokens, input_ids);
  return {.tokens = tokens,
          .penultimate = states.penultimate,
          .penultimate_normed = ln_final_->forward(states.penultimate),
          .pooled = pooled,
          .features = projected(pooled, text_projection_)};
}

at::Tensor Clip::pool(const at::Tensor& tokens, const at::Tensor& input_ids) const {
  switch (config_.text->pool) {
    case TextPool::kFirst:
      return tokens.select(1, 0);
    case TextPool::kLast:
      return tokens.select(1, tokens.size(1) - 1);
    case TextPool::kArgmax:
    case TextPool::kEos:
      break;
  }
  // argmax gives the first of equal maxima: the first end token.
  const at::Tensor position = config_.text->pool == TextPool::kArgmax
                                  ? input_ids.argmax(1)
                                  : input_ids.eq(config_.text->eos_id).to(at::kInt).argmax(1);
  const at::Tensor index = position.view({-1, 1, 1}).expand({-1, 1, tokens.size(2)});
  return tokens.gather(1, index).squeeze(1);
}

at::Tensor Clip::logits_per_image(const at::Tensor& image_features, const at::Tensor& text_features) const {
  // The towers of OpenAI's files begin in different types.
  const auto type = c10::promoteTypes(image_features.scalar_type(), text_features.scalar_type());
  const at::Tensor cosine = at::matmul(normalised(image_features.to(type)), normalised(text_features.to(type)).t());
  at::Tensor logits = cosine * logit_scale_.to(cosine.scalar_type()).exp();
  if (logit_bias_.defined()) logits = logits + logit_bias_.to(cosine.scalar_type());
  return logits;
}

}  // namespace tenon::models
