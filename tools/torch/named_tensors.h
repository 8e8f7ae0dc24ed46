// The inputs of a forward, read from a safetensors file.
#pragma once

#include <string>

#include <tenon/family_module.h>

namespace tenon::tools {

/// CPU tensors in the file's own dtypes. What cannot be used as an input is kUsage (TN-INPUT-FILE, TN-INPUT-DTYPE).
[[nodiscard]] Result<NamedTensors> read_inputs(const std::string& path);

}  // namespace tenon::tools
