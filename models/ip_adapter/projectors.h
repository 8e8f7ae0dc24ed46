// What turns image or face embeddings into tokens for the UNet's cross-attentions.
// Ye et al., 2023, "IP-Adapter"; names and results are those of tencent-ailab/IP-Adapter.
//
// Shapes: N batch, S hidden states, C or E input width, n faces, T tokens per image, X cross_attention_dim.
#pragma once

#include <memory>

#include <tenon/models/ip_adapter/config.h>
#include <tenon/nn/layers.h>
#include <tenon/nn/perceiver.h>

namespace tenon::models {

class IpProjector : public nn::Module {
 public:
  /// `embeds` [N, C] or [N, n, C]; `hidden_states` [N, S, E]; what a projector does not read is undefined. -> [N, T', X].
  [[nodiscard]] virtual at::Tensor forward(const at::Tensor& embeds, const at::Tensor& hidden_states) const = 0;
};

/// The registered name is `image_proj`; which class it is follows from `config.projection`.
[[nodiscard]] std::shared_ptr<IpProjector> make_projector(const IpAdapterConfig& config);

}  // namespace tenon::models
