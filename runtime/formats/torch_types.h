// The names torch gives to element types.
#pragma once

#include <optional>
#include <string_view>

#include <tenon/dtype.h>

namespace tenon::formats {

/// Of a storage class: "torch\nFloatStorage", also under torch.cuda. Nothing for other globals.
[[nodiscard]] std::optional<DType> dtype_of_storage_class(std::string_view global);
/// torch.storage.UntypedStorage, whose element count counts bytes.
[[nodiscard]] bool is_untyped_storage_class(std::string_view global);
/// Of a dtype: "torch\nfloat8_e4m3fn".
[[nodiscard]] std::optional<DType> dtype_of_torch_global(std::string_view global);

}  // namespace tenon::formats
