// Named tensors of `run` -> the inputs of one forward, or words that name the one that does not fit.
#pragma once

#include <tenon/error.h>
#include <tenon/family_module.h>

#include <tenon/models/unet/unet.h>

namespace tenon::models::unet {

/// Checks names, ranks, widths, batch and dtypes; casts floats to `dtype` on `device`. kUsage, codes TN-INPUT-*.
/// `ip_tokens` and `ip_scale` are inputs of a UNet that an adapter has joined, and of no other.
[[nodiscard]] Result<UnetInputs> read_inputs(const Unet& unet,
                                             const NamedTensors& inputs,
                                             at::ScalarType dtype,
                                             c10::Device device);

}  // namespace tenon::models::unet
