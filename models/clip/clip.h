// CLIP image and text towers (Radford et al., 2021, "Learning Transferable Visual Models From Natural Language Supervision").
// Tensor names and results are those of open_clip's CLIP class with native towers (ViT or ModifiedResNet).
//
// Shapes: N batch, P patches, T = P + 1 image tokens, L text tokens, W width, E embed_dim.
#pragma once

#include <memory>
#include <string_view>

#include <ATen/core/Tensor.h>

#include <tenon/error.h>
#include <tenon/nn/functional.h>
#include <tenon/nn/layers.h>
#include <tenon/nn/module.h>

#include <tenon/models/clip/config.h>

namespace tenon::models {

/// What a tower computes; tensors that a tower does not have are undefined.
struct ClipTower {
  at::Tensor tokens;       // vision: after the last block, before the final norm; text: after the final norm  [N, T, W]
  at::Tensor penultimate;  // after the last but one block, no final norm                                       [N, T, W]
  at::Tensor penultimate_normed;  // text: the same after the final norm, which Stable Diffusion 2 takes        [N, T, W]
  at::Tensor pooled;       // the pooled token after the final norm                                             [N, W]
  at::Tensor features;     // pooled, projected, not normalised                                                 [N, E]
};

/// Self-attention with fused projections: in_proj_weight [3W, W] in the order q, k, v.
class ClipAttention : public nn::Module {
 public:
  ClipAttention(std::int64_t width, std::int64_t heads);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x, bool causal) const;  // [N, T, W] -> [N, T, W]

 private:
  std::int64_t heads_;
  at::Tensor in_proj_weight_;
  at::Tensor in_proj_bias_;
  std::shared_ptr<nn::Linear> out_proj_;
};

/// Pre-norm block: x + ls_1 attn(ln_1 x), then x + ls_2 mlp(ln_2 x).
class ClipBlock : public nn::Module {
 public:
  struct Options {
    std::int64_t width;
    std::int64_t heads;
    std::int64_t mlp_hidden;
    bool layer_scale;
    double eps;
    nn::Activation act;
  };
  explicit ClipBlock(const Options& options);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x, bool causal) const;

 private:
  nn::Activation act_;
  std::shared_ptr<nn::LayerNorm> ln_1_;
  std::shared_ptr<ClipAttention> attn_;
  std::shared_ptr<nn::Parameter> ls_1_;
  std::shared_ptr<nn::LayerNorm> ln_2_;
  std::shared_ptr<nn::Linear> c_fc_;
  std::shared_ptr<nn::Linear> c_proj_;
  std::shared_ptr<nn::Parameter> ls_2_;
};

/// The blocks under `transformer.resblocks`, and the two hidden states that downstream models take.
class ClipTransformer : public nn::Module {
 public:
  ClipTransformer(const ClipBlock::Options& options, std::int64_t layers);
  struct States {
    at::Tensor last;
    at::Tensor penultimate;
  };
  [[nodiscard]] States forward(at::Tensor x, bool causal) const;

 private:
  std::shared_ptr<nn::Stack<ClipBlock>> resblocks_;
};

/// What is registered as `visual`.
class ClipVisual : public nn::Module {
 public:
  [[nodiscard]] virtual ClipTower forward(const at::Tensor& pixel_values) const = 0;  // [N, 3, H, W]
};

class ClipVit : public ClipVisual {
 public:
  ClipVit(const ClipVitConfig& config, std::int64_t embed_dim, nn::Activation act);
  [[nodiscard]] ClipTower forward(const at::Tensor& pixel_values) const override;

 private:
  ClipVitConfig config_;
  std::shared_ptr<nn::Conv2d> conv1_;
  at::Tensor class_embedding_;
  at::Tensor positional_embedding_;
  std::shared_ptr<nn::LayerNorm> ln_pre_;
  std::shared_ptr<ClipTransformer> transformer_;
  std::shared_ptr<nn::LayerNorm> ln_post_;
  at::Tensor proj_;
};

class Clip : public nn::Module {
 public:
  static constexpr std::string_view family() { return "clip"; }

  explicit Clip(const ClipConfig& config);
  /// pixel_values [N, 3, H, W], already normalised; the tower computes in the type of its first weight. Throws std::logic_error when the model has no vision tower.
  [[nodiscard]] ClipTower encode_image(const at::Tensor& pixel_values) const;
  /// input_ids [N, L] int64, L at most context_length. Throws std::logic_error when the model has no text tower.
  [[nodiscard]] ClipTower encode_text(const at::Tensor& input_ids) const;
  /// exp(logit_scale) * cos(image, text) [+ logit_bias] for features [N, E] and [M, E] -> [N, M].
  [[nodiscard]] at::Tensor logits_per_image(const at::Tensor& image_features, const at::Tensor& text_features) const;
  [[nodiscard]] const ClipConfig& config() const { return config_; }

 private:
  [[nodiscard]] at::Tensor pool(const at::Tensor& tokens, const at::Tensor& input_ids) const;

  ClipConfig config_;
  std::shared_ptr<ClipVisual> visual_;
  at::Tensor positional_embedding_;
  std::shared_ptr<nn::Embedding> token_embedding_;
  std::shared_ptr<ClipTransformer> transformer_;
  std::shared_ptr<nn::LayerNorm> ln_final_;
  at::Tensor text_projection_;
  at::Tensor logit_scale_;
  at::Tensor logit_bias_;
};

}  // namespace tenon::models
