// The naming of the original latent-diffusion code.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/family.h>

#include "models/unet/structure.h"

namespace tenon::models::unet {

/// What the running numbers depend on.
struct Numbering {
  std::vector<std::int64_t> layers;    // residual blocks of each level on the way down
  std::vector<std::int64_t> up_slots;  // where an up block keeps its upsampler, the deepest first
  bool video = false;
};
[[nodiscard]] Numbering numbering_of(const std::vector<std::string>& names);  // original names, behind the prefix
[[nodiscard]] Numbering numbering_of(const Structure& structure);

/// Renames for every name. `label`: what `label_emb` is called ("add_embedding", "class_embedding"); empty:
/// there is none.
[[nodiscard]] std::vector<EmittedRow> ldm_rows(const Numbering& numbering, std::string_view label);

/// Renames for the names that the original code gives its averaged weights: the UNet's own, behind "diffusion_model", without
/// their dots.
[[nodiscard]] std::vector<EmittedRow> dotless_rows(const std::vector<std::string>& names, std::string_view label);

/// The original names have one `label_emb` for two things; only unCLIP's is a bare vector (`class_embedding`).
[[nodiscard]] bool is_class_label(std::int64_t context, std::int64_t width, bool video);

/// The original code's YAML (`model.params.unet_config` or `network_config`) or diffusers' JSON, in own keys.
[[nodiscard]] Result<Config> read_native_config(const ConfigText& text, std::span<const Variant> variants);

}  // namespace tenon::models::unet
