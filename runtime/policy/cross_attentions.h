// The cross-attentions of a diffusion UNet, read off its config.
#pragma once

#include <cstdint>
#include <vector>

#include <tenon/value.h>

namespace tenon {

/// Their widths in the order in which adapters number them: down, up, middle. From `block_out_channels`, `down_block_types`,
/// `up_block_types`, `mid_block_type`, `layers_per_block` and `transformer_layers_per_block`; empty where these are not there.
[[nodiscard]] std::vector<std::int64_t> cross_attention_widths(const Config& config);

/// An adapter's `attention_widths`.
[[nodiscard]] std::vector<std::int64_t> listed_widths(const Config& config);

}  // namespace tenon
