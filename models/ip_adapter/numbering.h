// Which attention of which UNet has which number: an adapter's tensors are numbered by the order in which diffusers registers
// attention processors, down blocks, then up blocks, then the mid block (tencent-ailab/IP-Adapter; diffusers
// UNet2DConditionModel). Even numbers are self-attentions, the odd number behind each is the block's cross-attention.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tenon::models {

struct NumberedAttention {
  std::int64_t number = 0;  // of the cross-attention
  std::string block;        // "down_blocks.1.attentions.0.transformer_blocks.0"
  std::int64_t width = 0;
};

/// "sd15" (16 cross-attentions) or "sdxl" (70); empty for another name.
[[nodiscard]] std::vector<NumberedAttention> numbered_attentions(std::string_view base_model);

}  // namespace tenon::models
