#include <tenon/models/ip_adapter/ip_adapter.h>

#include <string>

namespace tenon::models {

IpLora::IpLora(std::int64_t inputs, std::int64_t outputs, std::int64_t rank)
    : down_(child<nn::Linear>("down", inputs, rank, /*with_bias=*/false)),
      up_(child<nn::Linear>("up", rank, outputs, /*with_bias=*/false)) {}

at::Tensor IpLora::forward(const at::Tensor& x) const {
  return up_->forward(down_->forward(x));
}

IpAttention::IpAttention(std::int64_t width, std::int64_t context, std::int64_t lora_rank) {
  if (context > 0) {
    to_k_ip = child<nn::Linear>("to_k_ip", context, width, /*with_bias=*/false);
    to_v_ip = child<nn::Linear>("to_v_ip", context, width, /*with_bias=*/false);
  }
  if (lora_rank > 0) {
    const std::int64_t inputs = context > 0 ? context : width;
    to_q_lora = child<IpLora>("to_q_lora", width, width, lora_rank);
    to_k_lora = child<IpLora>("to_k_lora", inputs, width, lora_rank);
    to_v_lora = child<IpLora>("to_v_lora", inputs, width, lora_rank);
    to_out_lora = child<IpLora>("to_out_lora", width, width, lora_rank);
  }
}

IpAdapter::IpAdapter(const IpAdapterConfig& c) : config_(c), image_proj_(attach("image_proj", make_projector(c))) {
  for (std::size_t i = 0; i < c.attentions.size(); ++i) {
    const std::int64_t number = c.attentions[i];
    const std::string name = "ip_adapter." + std::to_string(number);
    attentions_[number] = child<IpAttention>(name, c.widths[i], c.cross_attention_dim, c.lora_rank);
    if (c.lora_rank == 0 || number == 0) continue;
    // A transformer block's self-attention comes directly before its cross-attention and is as wide.
    const std::string self = "ip_adapter." + std::to_string(number - 1);
    attentions_[number - 1] = child<IpAttention>(self, c.widths[i], 0, c.lora_rank);
  }
}

}  // namespace tenon::models
