// Vision Transformer, by timm's names: the encoders and classifiers of timm, DeiT, DINOv2, InternViT and their kin.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>

#include <tenon/error.h>
#include <tenon/nn/functional.h>
#include <tenon/nn/layers.h>
#include <tenon/nn/module.h>
#include <tenon/value.h>

namespace tenon::models {

/// The keys are those of `tenon inspect`, one for one.
struct VitConfig {
  enum class QkNorm { kNone, kHead, kFull };

  std::array<std::int64_t, 2> img_size{224, 224};   // height, width
  std::array<std::int64_t, 2> patch_size{16, 16};
  std::int64_t in_chans = 3;
  std::int64_t num_classes = 0;  // 0: no head
  std::int64_t embed_dim = 768;
  std::int64_t depth = 12;
  std::int64_t num_heads = 0;    // 0: nobody decided; the module can be made, not run
  std::int64_t mlp_hidden = 3072;  // outputs of fc1: for swiglu both halves
  bool class_token = true;
  bool dist_token = false;
  std::int64_t reg_tokens = 0;
  bool no_embed_class = false;   // only patches have a position
  bool qkv_bias = true;
  QkNorm qk_norm = QkNorm::kNone;
  bool layer_scale = false;
  bool pre_norm = false;
  bool final_norm = true;
  bool fc_norm = false;          // the final norm stands behind the pooling
  bool average = false;          // global_pool: "avg", else "token"
  std::string act = "gelu";      // "gelu", "quick_gelu", "gelu_tanh", "swiglu"
  bool rms_norm = false;
  double norm_eps = 1e-6;

  /// kUsage (TN-CONFIG-VALUE) for a value that no model can have.
  [[nodiscard]] static Result<VitConfig> from(const Config& config);

  [[nodiscard]] std::array<std::int64_t, 2> grid() const {
    return {img_size[0] / patch_size[0], img_size[1] / patch_size[1]};
  }
  [[nodiscard]] std::int64_t prefix_tokens() const { return (class_token ? 1 : 0) + (dist_token ? 1 : 0) + reg_tokens; }
};

/// D is embed_dim, T the number of tokens (prefix and patches), C the number of classes.
class Vit : public nn::Module {
 public:
  static std::string family() { return "vit"; }

  /// Placeholders only; weights come by loading.
  explicit Vit(const VitConfig& config);
  ~Vit() override;

  struct Output {
    at::Tensor tokens;    // [N, T, D] after the last norm
    at::Tensor features;  // [N, D] pooled, before the head
    at::Tensor logits;    // [N, C]; undefined without a head
  };
  /// `images` [N, in_chans, height, width], already normalised, any float dtype; computed in the weights' dtype.
  [[nodiscard]] Output forward_all(const at::Tensor& images) const;
  /// The logits, or the features of a model without a head.
  [[nodiscard]] at::Tensor forward(const at::Tensor& images) const;
  [[nodiscard]] const VitConfig& config() const { return config_; }

 private:
  class Block;
  [[nodiscard]] at::Tensor embed(const at::Tensor& images) const;
  [[nodiscard]] at::Tensor pool(const at::Tensor& tokens) const;

  VitConfig config_;
  at::Tensor cls_token_;
  at::Tensor dist_token_;
  at::Tensor reg_token_;
  at::Tensor pos_embed_;
  std::shared_ptr<nn::Conv2d> patch_embed_;
  std::shared_ptr<nn::Norm> norm_pre_;
  std::shared_ptr<nn::Stack<Block>> blocks_;
  std::shared_ptr<nn::Norm> norm_;
  std::shared_ptr<nn::Norm> fc_norm_;
  std::shared_ptr<nn::Linear> head_;
  std::shared_ptr<nn::Linear> head_dist_;
};

}  // namespace tenon::models
