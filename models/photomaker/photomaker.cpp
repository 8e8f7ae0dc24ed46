#include <tenon/models/photomaker/photomaker.h>

#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>

namespace tenon::models {

PhotoMakerVisionLayer::PhotoMakerVisionLayer(const PhotoMakerConfig& c)
    : heads_(c.heads),
      act_(nn::activation(c.act)),
      layer_norm1_(child<nn::LayerNorm>("layer_norm1", c.width)),
      q_proj_(child<nn::Linear>("self_attn.q_proj", c.width, c.width)),
      k_proj_(child<nn::Linear>("self_attn.k_proj", c.width, c.width)),
      v_proj_(child<nn::Linear>("self_attn.v_proj", c.width, c.width)),
      out_proj_(child<nn::Linear>("self_attn.out_proj", c.width, c.width)),
      layer_norm2_(child<nn::LayerNorm>("layer_norm2", c.width)),
      fc1_(child<nn::Linear>("mlp.fc1", c.width, c.mlp_hidden)),
      fc2_(child<nn::Linear>("mlp.fc2", c.mlp_hidden, c.width)) {}

at::Tensor PhotoMakerVisionLayer::forward(const at::Tensor& x) const {
  const at::Tensor n = layer_norm1_->forward(x);
  const at::Tensor mixed =
      nn::multi_head_attention(q_proj_->forward(n), k_proj_->forward(n), v_proj_->forward(n), heads_);
  const at::Tensor y = x + out_proj_->forward(mixed);
  return y + fc2_->forward(act_(fc1_->forward(layer_norm2_->forward(y))));
}

PhotoMakerVisionTower::PhotoMakerVisionTower(const PhotoMakerConfig& c)
    : class_embedding_(declare("embeddings.class_embedding", {c.width}, nn::Init::normal(0.02))),
      patch_embedding_(attach("embeddings.patch_embedding",
                              nn::Conv2d::patches(3, c.width, {c.patch_size, c.patch_size}, /*with_bias=*/false))),
      pre_layrnorm_(child<nn::LayerNorm>("pre_layrnorm", c.width)),
      layers_(child<nn::Stack<PhotoMakerVisionLayer>>("encoder.layers")),
      post_layernorm_(child<nn::LayerNorm>("post_layernorm", c.width)) {
  const std::int64_t grid = c.image_size / c.patch_size;
  position_embedding_ =
      declare("embeddings.position_embedding.weight", {grid * grid + 1, c.width}, nn::Init::normal(0.02));
  for (std::int64_t i = 0; i < c.layers; ++i) layers_->add(c);
}

PhotoMakerVisionTower::Output PhotoMakerVisionTower::forward(const at::Tensor& pixel_values) const {
  const at::Tensor patches = patch_embedding_->forward(pixel_values).flatten(2).transpose(1, 2);
  const at::Tensor cls = class_embedding_.to(patches.scalar_type()).expand({patches.size(0), 1, -1});
  at::Tensor x = at::cat({cls, patches}, 1) + position_embedding_.to(patches.scalar_type());
  x = pre_layrnorm_->forward(x);
  for (const auto& layer : *layers_) x = layer->forward(x);
  return {x, post_layernorm_->forward(x.select(1, 0))};
}

FuseMlp::FuseMlp(std::int64_t inputs, std::int64_t outputs, bool residual)
    : residual_(residual),
      layernorm_(child<nn::LayerNorm>("layernorm", inputs)),
      fc1_(child<nn::Linear>("fc1", inputs, outputs)),
      fc2_(child<nn::Linear>("fc2", outputs, outputs)) {}

at::Tensor FuseMlp::forward(const at::Tensor& x) const {
  const at::Tensor y = fc2_->forward(at::gelu(fc1_->forward(layernorm_->forward(x))));
  return residual_ ? x + y : y;
}

FuseModule::FuseModule(std::int64_t width)
    : mlp1_(child<FuseMlp>("mlp1", 2 * width, width, /*residual=*/false)),
      mlp2_(child<FuseMlp>("mlp2", width, width, /*residual=*/true)),
      layer_norm_(child<nn::LayerNorm>("layer_norm", width)) {}

at::Tensor FuseModule::forward(const at::Tensor& prompt_embeds,
                               const at::Tensor& id,
                               const at::Tensor& class_tokens_mask) const {
  const std::int64_t width = prompt_embeds.size(-1);
  const at::Tensor rows = class_tokens_mask.reshape({-1}).nonzero().squeeze(1);
  const at::Tensor prompt = prompt_embeds.reshape({-1, width});
  const at::Tensor chosen = prompt.index_select(0, rows);
  at::Tensor fused = mlp1_->forward(at::cat({chosen, id.to(chosen.scalar_type())}, -1)) + chosen;
  fused = layer_norm_->forward(mlp2_->forward(fused));
  return prompt.index_copy(0, rows, fused.to(prompt.scalar_type())).view(prompt_embeds.sizes());
}

QFormerPerceiver::QFormerPerceiver(const PhotoMakerConfig& c)
    : tokens_(c.num_tokens),
      token_proj_0_(child<nn::Linear>("token_proj.0", c.id_embeddings_dim, c.token_hidden)),
      token_proj_2_(child<nn::Linear>("token_proj.2", c.token_hidden, c.num_tokens * c.cross_attention_dim)),
      token_norm_(child<nn::LayerNorm>("token_norm", c.cross_attention_dim)),
      perceiver_resampler_(child<nn::Perceiver>(
          "perceiver_resampler",
          nn::PerceiverConfig{.width = c.cross_attention_dim,
                              .depth = c.qformer_depth,
                              .head_dim = c.cross_attention_dim / c.qformer_heads,
                              .heads = c.qformer_heads,
                              .features = c.width,
                              .outputs = c.cross_attention_dim})) {}

at::Tensor QFormerPerceiver::forward(const at::Tensor& id_embeds, const at::Tensor& features) const {
  at::Tensor x = token_proj_2_->forward(at::gelu(token_proj_0_->forward(id_embeds)));
  x = token_norm_->forward(x.reshape({x.size(0), tokens_, -1}));
  return x + perceiver_resampler_->forward(x, features);
}

PhotoMaker::PhotoMaker(const PhotoMakerConfig& c)
    : config_(c),
      vision_model_(child<PhotoMakerVisionTower>("vision_model", c)),
      visual_projection_(child<nn::Linear>("visual_projection", c.width, c.projection_dim, false)),
      visual_projection_2_(child<nn::Linear>("visual_projection_2", c.width, c.projection_dim_2, false)),
      fuse_module_(child<FuseModule>("fuse_module", c.cross_attention_dim)),
      qformer_perceiver_(c.v2 ? child<QFormerPerceiver>("qformer_perceiver", c) : nullptr) {}

at::Tensor PhotoMaker::forward(const at::Tensor& id_pixel_values,
                               const at::Tensor& prompt_embeds,
                               const at::Tensor& class_tokens_mask,
                               const at::Tensor& id_embeds) const {
  const auto image = vision_model_->forward(id_pixel_values.flatten(0, 1));
  at::Tensor id;
  if (qformer_perceiver_) {
    id = qformer_perceiver_->forward(id_embeds.flatten(0, 1), image.last_hidden_state);
  } else {
    id = at::cat({visual_projection_->forward(image.pooled), visual_projection_2_->forward(image.pooled)}, -1);
  }
  return fuse_module_->forward(prompt_embeds, id.reshape({-1, prompt_embeds.size(-1)}), class_tokens_mask);
}

}  // namespace tenon::models
