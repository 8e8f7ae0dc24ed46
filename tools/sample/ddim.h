// Deterministic sampling with a UNet that predicts the noise.
#pragma once

#include <ATen/core/Tensor.h>

#include <tenon/models/unet/unet.h>

namespace tenon::sample {

/// DDIM without added noise (Song, Meng, Ermon 2021) on the noise schedule of Stable Diffusion. `noise` [N, C, h, w],
/// `context` [N, L, D] -> images [N, C, h, w].
[[nodiscard]] at::Tensor ddim(const models::Unet& unet, const at::Tensor& noise, const at::Tensor& context, int steps);

}  // namespace tenon::sample
