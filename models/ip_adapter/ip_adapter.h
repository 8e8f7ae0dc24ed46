// An IP-Adapter: a projector and, for each cross-attention of a UNet, its key and value projections (and a FaceID's LoRA).
#pragma once

#include <map>
#include <memory>
#include <string_view>

#include <tenon/models/ip_adapter/projectors.h>

namespace tenon::models {

/// down [rank, inputs], up [outputs, rank]; no alpha: the factor is one.
class IpLora : public nn::Module {
 public:
  IpLora(std::int64_t inputs, std::int64_t outputs, std::int64_t rank);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;  // [..., inputs] -> [..., outputs]

 private:
  std::shared_ptr<nn::Linear> down_;
  std::shared_ptr<nn::Linear> up_;
};

/// The tensors of one attention, under its number.
class IpAttention : public nn::Module {
 public:
  /// `context`: X for a cross-attention; 0 for a self-attention, which has a LoRA only.
  IpAttention(std::int64_t width, std::int64_t context, std::int64_t lora_rank);

  std::shared_ptr<nn::Linear> to_k_ip;  // [width, X]; null for a self-attention
  std::shared_ptr<nn::Linear> to_v_ip;
  std::shared_ptr<IpLora> to_q_lora;    // null without LoRA
  std::shared_ptr<IpLora> to_k_lora;
  std::shared_ptr<IpLora> to_v_lora;
  std::shared_ptr<IpLora> to_out_lora;
};

class IpAdapter : public nn::Module {
 public:
  static constexpr std::string_view family() { return "ip_adapter"; }

  explicit IpAdapter(const IpAdapterConfig& config);
  /// embeds [N, C] or [N, n, C], hidden_states [N, S, E]; -> tokens [N, T, X].
  [[nodiscard]] at::Tensor forward(const at::Tensor& embeds, const at::Tensor& hidden_states) const {
    return image_proj_->forward(embeds, hidden_states);
  }
  [[nodiscard]] const IpAdapterConfig& config() const { return config_; }
  /// By number; odd numbers are cross-attentions, even ones self-attentions (present with a LoRA only).
  [[nodiscard]] const std::map<std::int64_t, std::shared_ptr<IpAttention>>& attentions() const { return attentions_; }

 private:
  IpAdapterConfig config_;
  std::shared_ptr<IpProjector> image_proj_;
  std::map<std::int64_t, std::shared_ptr<IpAttention>> attentions_;
};

}  // namespace tenon::models
