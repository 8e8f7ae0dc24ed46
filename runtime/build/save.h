// Tensors to a file that appears complete or not at all.
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

/// The tensor at an index of the list, on any device, of the type that the list says. Asked in file order.
using ProduceTensor = std::function<Result<at::Tensor>(std::size_t index)>;

/// Both containers are read back before they appear: a tensor that does not come back bit for bit is TN-SAVE-READ-BACK (kIo).
/// Then `produce` is asked a second time for each.
///
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

/// What torch.save writes: a zip archive with a pickle of one dict. Names whose first segment is in `nested` become entries
/// of a dict of that name, in this order and before all others. Every tensor has a storage of its own.
/// All tensors are held until the file is written. Codes as save_safetensors.
[[nodiscard]] Result<void> save_torch(const std::string& path,
                                      const std::vector<TensorToSave>& tensors,
                                      const ProduceTensor& produce,
                                      const std::vector<std::string>& nested = {},
                                      const ProgressFunction& progress = {});

/// The container that a file name asks for: torch's for .bin, .pt, .pth and .ckpt, else safetensors.
[[nodiscard]] bool asks_for_torch(const std::string& path);

}  // namespace tenon::loading
