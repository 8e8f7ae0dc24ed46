// Reads the configs of the libraries that write ViT files, into own keys.
#pragma once

#include <span>

#include <tenon/family.h>

namespace tenon::models::vit {

/// timm's `config.json` (what differs from its architecture), transformers' (ViT, DeiT, DINOv2, InternVL) and InternViT's own.
/// A config of none of these gives no key.
[[nodiscard]] Result<Config> read_native_config(const ConfigText& text, std::span<const Variant> variants);

}  // namespace tenon::models::vit
