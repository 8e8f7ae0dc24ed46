// PhotoMaker ID encoders v1 and v2 (Li et al., 2024, "PhotoMaker: Customizing Realistic Human Photos via Stacked ID Embedding").
// Names and results are those of TencentARC/PhotoMaker model.py and model_v2.py, without the `id_encoder.` level.
//
// Shapes: N prompts, I images per prompt, K tokens per image (1 in v1, 2 in v2), P = 77 prompt tokens, X = 2048.
#pragma once

#include <memory>
#include <string_view>

#include <ATen/core/Tensor.h>

#include <tenon/models/photomaker/config.h>
#include <tenon/nn/functional.h>
#include <tenon/nn/layers.h>
#include <tenon/nn/perceiver.h>

namespace tenon::models {

/// One pre-norm layer of the tower.
class PhotoMakerVisionLayer : public nn::Module {
 public:
  explicit PhotoMakerVisionLayer(const PhotoMakerConfig& config);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;  // [N, T, W] -> [N, T, W]

 private:
  std::int64_t heads_;
  nn::Activation act_;
  std::shared_ptr<nn::LayerNorm> layer_norm1_;
  std::shared_ptr<nn::Linear> q_proj_;
  std::shared_ptr<nn::Linear> k_proj_;
  std::shared_ptr<nn::Linear> v_proj_;
  std::shared_ptr<nn::Linear> out_proj_;
  std::shared_ptr<nn::LayerNorm> layer_norm2_;
  std::shared_ptr<nn::Linear> fc1_;
  std::shared_ptr<nn::Linear> fc2_;
};

/// CLIP ViT-L/14 under transformers' names.
class PhotoMakerVisionTower : public nn::Module {
 public:
  explicit PhotoMakerVisionTower(const PhotoMakerConfig& config);
  struct Output {
    at::Tensor last_hidden_state;  // [N, T, W], no final norm
    at::Tensor pooled;             // [N, W], the class token after post_layernorm
  };
  [[nodiscard]] Output forward(const at::Tensor& pixel_values) const;  // [N, 3, H, W]

 private:
  at::Tensor class_embedding_;
  std::shared_ptr<nn::Conv2d> patch_embedding_;
  at::Tensor position_embedding_;
  std::shared_ptr<nn::LayerNorm> pre_layrnorm_;  // the misspelling is part of the format
  std::shared_ptr<nn::Stack<PhotoMakerVisionLayer>> layers_;
  std::shared_ptr<nn::LayerNorm> post_layernorm_;
};

/// LayerNorm, Linear, GELU, Linear; the input is added again when `residual`.
class FuseMlp : public nn::Module {
 public:
  FuseMlp(std::int64_t inputs, std::int64_t outputs, bool residual);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;

 private:
  bool residual_;
  std::shared_ptr<nn::LayerNorm> layernorm_;
  std::shared_ptr<nn::Linear> fc1_;
  std::shared_ptr<nn::Linear> fc2_;
};

/// Replaces the prompt's class tokens by themselves fused with the ID tokens.
class FuseModule : public nn::Module {
 public:
  explicit FuseModule(std::int64_t width);
  /// prompt_embeds [N, P, X], id [R, X], class_tokens_mask [N, P] bool with R true values -> [N, P, X]; the input stays as it is.
  [[nodiscard]] at::Tensor forward(const at::Tensor& prompt_embeds,
                                   const at::Tensor& id,
                                   const at::Tensor& class_tokens_mask) const;

 private:
  std::shared_ptr<FuseMlp> mlp1_;
  std::shared_ptr<FuseMlp> mlp2_;
  std::shared_ptr<nn::LayerNorm> layer_norm_;
};

/// v2: the face embedding becomes K tokens that read the tower's features.
class QFormerPerceiver : public nn::Module {
 public:
  explicit QFormerPerceiver(const PhotoMakerConfig& config);
  [[nodiscard]] at::Tensor forward(const at::Tensor& id_embeds,      // [N I, 512], not normalised
                                   const at::Tensor& features) const;  // [N I, T, W] -> [N I, K, X]

 private:
  std::int64_t tokens_;
  std::shared_ptr<nn::Linear> token_proj_0_;
  std::shared_ptr<nn::Linear> token_proj_2_;
  std::shared_ptr<nn::LayerNorm> token_norm_;
  std::shared_ptr<nn::Perceiver> perceiver_resampler_;
};

class PhotoMaker : public nn::Module {
 public:
  static constexpr std::string_view family() { return "photomaker"; }

  explicit PhotoMaker(const PhotoMakerConfig& config);
  /// id_pixel_values [N, I, 3, H, W]; prompt_embeds [N, P, X]; class_tokens_mask [N, P] bool, N I K true values;
  /// v2: id_embeds [N, I, 512], not normalised. -> prompt_embeds [N, P, X].
  [[nodiscard]] at::Tensor forward(const at::Tensor& id_pixel_values,
                                   const at::Tensor& prompt_embeds,
                                   const at::Tensor& class_tokens_mask,
                                   const at::Tensor& id_embeds = {}) const;
  [[nodiscard]] const PhotoMakerConfig& config() const { return config_; }
  /// ID tokens that one image gives: K.
  [[nodiscard]] std::int64_t tokens_per_image() const { return config_.v2 ? config_.num_tokens : 1; }

 private:
  PhotoMakerConfig config_;
  std::shared_ptr<PhotoMakerVisionTower> vision_model_;
  std::shared_ptr<nn::Linear> visual_projection_;
  std::shared_ptr<nn::Linear> visual_projection_2_;
  std::shared_ptr<FuseModule> fuse_module_;
  std::shared_ptr<QFormerPerceiver> qformer_perceiver_;
};

}  // namespace tenon::models
