// Inputs of the right names, shapes and types, for timing a forward.
#pragma once

#include <string>

#include <tenon/family_module.h>

namespace tenon::tools {

/// Seeded values; empty for a family whose inputs are not known here.
[[nodiscard]] NamedTensors example_inputs(const std::string& family, const Config& config, std::int64_t batch);

/// Every tensor with a first dimension, repeated and cut to `batch` along it.
[[nodiscard]] NamedTensors with_batch(const NamedTensors& inputs, std::int64_t batch);

}  // namespace tenon::tools
