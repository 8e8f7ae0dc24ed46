#include <tenon/models/ip_adapter/projectors.h>

#include <ATen/ops/gelu.h>

namespace tenon::models {
namespace {

/// base: one linear layer makes T tokens of the pooled embedding.
class LinearProjector : public IpProjector {
 public:
  explicit LinearProjector(const IpAdapterConfig& c)
      : width_(c.cross_attention_dim),
        proj_(child<nn::Linear>("proj", c.embeddings_dim, c.num_tokens * c.cross_attention_dim)),
        norm_(child<nn::LayerNorm>("norm", c.cross_attention_dim)) {}
  at::Tensor forward(const at::Tensor& embeds, const at::Tensor&) const override {
    return norm_->forward(proj_->forward(embeds).reshape({embeds.size(0), -1, width_}));
  }

 private:
  std::int64_t width_;
  std::shared_ptr<nn::Linear> proj_;
  std::shared_ptr<nn::LayerNorm> norm_;
};

nn::PerceiverConfig perceiver_config(const IpAdapterConfig& c) {
  return {.width = c.resampler_dim,
          .depth = c.resampler_depth,
          .head_dim = c.resampler_dim / c.resampler_heads,
          .heads = c.resampler_heads,
          .features = c.embeddings_dim,
          .outputs = c.cross_attention_dim};
}

/// plus: learned latents read the hidden states. Its layers are registered beside `latents`, without a level of their own.
class ResamplerProjector : public IpProjector {
 public:
  explicit ResamplerProjector(const IpAdapterConfig& c)
      : latents_(declare("latents", {1, c.num_tokens, c.resampler_dim}, nn::Init::normal(0.02))),
        perceiver_(std::make_shared<nn::Perceiver>(perceiver_config(c))) {
    for (const auto& item : perceiver_->named_children()) attach(item.key(), item.value());
  }
  at::Tensor forward(const at::Tensor& embeds, const at::Tensor& hidden_states) const override {
    const at::Tensor& features = hidden_states.defined() ? hidden_states : embeds;
    return perceiver_->forward(latents_.to(features.scalar_type()).expand({features.size(0), -1, -1}), features);
  }

 private:
  at::Tensor latents_;
  std::shared_ptr<nn::Perceiver> perceiver_;
};

/// full-face: every hidden state becomes a token.
class MlpProjector : public IpProjector {
 public:
  explicit MlpProjector(const IpAdapterConfig& c)
      : expand_(child<nn::Linear>("proj.0", c.embeddings_dim, c.hidden_dim)),
        contract_(child<nn::Linear>("proj.2", c.hidden_dim, c.cross_attention_dim)),
        norm_(child<nn::LayerNorm>("proj.3", c.cross_attention_dim)) {}
  at::Tensor forward(const at::Tensor&, const at::Tensor& hidden_states) const override {
    return norm_->forward(contract_->forward(at::gelu(expand_->forward(hidden_states))));
  }

 private:
  std::shared_ptr<nn::Linear> expand_;
  std::shared_ptr<nn::Linear> contract_;
  std::shared_ptr<nn::LayerNorm> norm_;
};

/// faceid, portrait: T tokens per face; faceid-plus: those tokens read the hidden states.
class FaceProjector : public IpProjector {
 public:
  explicit FaceProjector(const IpAdapterConfig& c)
      : width_(c.cross_attention_dim),
        shortcut_(c.shortcut),
        s_scale_(c.s_scale),
        expand_(child<nn::Linear>("proj.0", face_width(c), c.hidden_dim)),
        contract_(child<nn::Linear>("proj.2", c.hidden_dim, c.num_tokens * c.cross_attention_dim)),
        norm_(child<nn::LayerNorm>("norm", c.cross_attention_dim)) {
    if (c.projection == IpProjection::kFacePlus) {
      perceiver_ = child<nn::Perceiver>("perceiver_resampler", perceiver_config(c));
    }
  }
  at::Tensor forward(const at::Tensor& embeds, const at::Tensor& hidden_states) const override {
    const at::Tensor hidden = at::gelu(expand_->forward(embeds));
    const at::Tensor tokens = norm_->forward(contract_->forward(hidden).reshape({embeds.size(0), -1, width_}));
    if (!perceiver_) return tokens;
    const at::Tensor read = perceiver_->forward(tokens, hidden_states);
    return shortcut_ ? tokens + s_scale_ * read : read;
  }

 private:
  static std::int64_t face_width(const IpAdapterConfig& c) {
    return c.projection == IpProjection::kFacePlus ? c.id_embeddings_dim : c.embeddings_dim;
  }

  std::int64_t width_;
  bool shortcut_;
  double s_scale_;
  std::shared_ptr<nn::Linear> expand_;
  std::shared_ptr<nn::Linear> contract_;
  std::shared_ptr<nn::LayerNorm> norm_;
  std::shared_ptr<nn::Perceiver> perceiver_;
};

}  // namespace

std::shared_ptr<IpProjector> make_projector(const IpAdapterConfig& config) {
  switch (config.projection) {
    case IpProjection::kLinear:
      return std::make_shared<LinearProjector>(config);
    case IpProjection::kResampler:
      return std::make_shared<ResamplerProjector>(config);
    case IpProjection::kMlp:
      return std::make_shared<MlpProjector>(config);
    case IpProjection::kFace:
    case IpProjection::kFacePlus:
      return std::make_shared<FaceProjector>(config);
  }
  return nullptr;
}

}  // namespace tenon::models
