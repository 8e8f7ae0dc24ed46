// Tensors to a safetensors file that appears complete or not at all.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <tenon/error.h>
#include <tenon/family_module.h>
#include <tenon/log.h>
#include <tenon/shape.h>

namespace tenon::loading {

struct TensorToSave {
  std::string name;  // UTF-8
  TensorType type;
};

/// The tensor at an index of the list, on any device, of the type that the list says. Asked once each, in file order.
using ProduceTensor = std::function<Result<at::Tensor>(std::size_t index)>;

/// The layout is the reference library's: wide elements first, then by name; the header padded to 8 bytes.
/// `progress` gets stage "write" and may cancel. Codes: TN-SAVE-NAME, TN-SAVE-DTYPE (kUsage), IO-WRITE, TN-CANCELLED,
/// and what `produce` says.
[[nodiscard]] Result<void> save_safetensors(const std::string& path,
                                            const std::vector<TensorToSave>& tensors,
                                            const ProduceTensor& produce,
                                            const std::map<std::string, std::string>& metadata = {},
                                            const ProgressFunction& progress = {});

[[nodiscard]] Result<void> save_safetensors(const std::string& path,
                                            const NamedTensors& tensors,
                                            const ProgressFunction& progress = {});

}  // namespace tenon::loading
