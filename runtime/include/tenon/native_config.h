// Native configs (transformers, diffusers, timm, open_clip JSON; LDM/SGM YAML) as one flat set of values.
#pragma once

#include <tenon/checkpoint.h>
#include <tenon/error.h>
#include <tenon/value.h>

namespace tenon {

/// Nested keys joined by dots ("vision_config.hidden_size", "model.params.unet_config.params.in_channels"); lists of scalars
/// stay lists, lists of maps get an index ("down_blocks.0.type"). JSON where the text begins with `{`, else YAML.
/// kUsage with line and column (TN-CONFIG-SYNTAX) where it is neither, or deeper than 64 levels.
[[nodiscard]] Result<Config> flatten_native_config(const ConfigText& config);

}  // namespace tenon
