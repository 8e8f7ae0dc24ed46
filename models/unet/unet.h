// The UNets of Stable Diffusion 1 and 2, SDXL and its children, and Stable Video Diffusion, in diffusers' names.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include <tenon/nn/layers.h>

#include <tenon/models/unet/attention.h>
#include <tenon/models/unet/blocks.h>
#include <tenon/models/unet/structure.h>
#include <tenon/models/unet/time_embedding.h>

namespace tenon::models {

/// One forward's inputs, in the model's dtype and on its device where they are float. N is the batch.
struct UnetInputs {
  at::Tensor sample;                 // [N, C, h, w]; video: [N, F, C, h, w]
  at::Tensor timestep;               // [N], any real dtype
  at::Tensor encoder_hidden_states;  // [N, L, D]
  at::Tensor text_embeds;            // [N, P], with `time_ids`: SDXL
  at::Tensor time_ids;               // [N, K]
  at::Tensor added_time_ids;         // [N, K]: video
  at::Tensor image_only_indicator;   // [N, F], non-zero: a still image; undefined: none is. Video
  at::Tensor class_labels;           // [N, P] float, or [N] integers: models with a class embedding
  at::Tensor timestep_cond;          // [N, G]: the guidance embedding of distilled models; undefined: none
  at::Tensor ip_tokens;              // [N, T, D]: with an adapter attached
  double ip_scale = 1;
};

class Unet : public nn::Module {
 public:
  static std::string_view family() { return "unet"; }

  /// A structure that read_structure has accepted.
  explicit Unet(unet::Structure structure);

  /// The prediction, shaped as `sample` with the model's output channels. Inputs that do not fit are a caller's bug; `run`
  /// checks them first.
  [[nodiscard]] at::Tensor forward(const UnetInputs& inputs) const;

  [[nodiscard]] const unet::Structure& structure() const { return structure_; }

  /// Of the first convolution: inputs are brought to its dtype and device.
  [[nodiscard]] const at::Tensor& entry_weight() const { return conv_in_->weight; }

  struct NamedAttention {
    std::string name;  // "down_blocks.1.attentions.0.transformer_blocks.0.attn2"
    std::shared_ptr<unet::Attention> attention;
  };
  /// Every attention over positions, self and cross by turns, in the order of adapters' files: down, up, middle.
  [[nodiscard]] std::vector<NamedAttention> attentions() const;
  /// Whether an adapter has joined any of them: forward then needs `ip_tokens`.
  [[nodiscard]] bool has_adapter() const;

 private:
  [[nodiscard]] at::Tensor embed_time(const UnetInputs& inputs) const;
  [[nodiscard]] at::Tensor embed_label(const UnetInputs& inputs, at::ScalarType dtype) const;

  unet::Structure structure_;
  nn::Activation act_;
  std::shared_ptr<nn::Conv2d> conv_in_;
  std::shared_ptr<unet::TimeEmbedding> time_embedding_;
  std::shared_ptr<unet::TimeEmbedding> add_embedding_;
  std::shared_ptr<unet::TimeEmbedding> class_embedding_;
  std::shared_ptr<nn::Embedding> class_table_;
  std::shared_ptr<nn::Stack<unet::DownBlock>> down_blocks_;
  std::shared_ptr<nn::Stack<unet::UpBlock>> up_blocks_;
  std::shared_ptr<unet::MidBlock> mid_block_;
  std::shared_ptr<nn::GroupNorm> conv_norm_out_;
  std::shared_ptr<nn::Conv2d> conv_out_;
};

}  // namespace tenon::models
