// What every block of one forward is given beside the image.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace tenon::models::unet {

struct Conditioning {
  at::Tensor embedding;  // [N, E]: time and what joins it
  at::Tensor context;    // [N, L, D]: encoder_hidden_states
  // Video: N counts frames, all frames of one clip behind each other.
  std::int64_t frames = 0;
  at::Tensor time_context;          // [clips, L, D]: the context of each clip's first frame
  at::Tensor image_only_indicator;  // [clips, frames], non-zero: a still image
  // With an adapter attached.
  at::Tensor adapter_tokens;  // [N, T, D]
  double adapter_scale = 1;
};

}  // namespace tenon::models::unet
