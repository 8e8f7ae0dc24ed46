// The proof that a file holds what was written.
#pragma once

#include <string>
#include <vector>

#include "runtime/build/save.h"

namespace tenon::loading {

/// Opens the file at `written` as any checkpoint and compares it with what `produce` gives, bit for bit: every name, type and
/// byte, and no other tensor. `path` is the name that messages use. TN-SAVE-READ-BACK (kIo).
[[nodiscard]] Result<void> comes_back(const std::string& written,
                                      const std::string& path,
                                      const std::vector<TensorToSave>& tensors,
                                      const ProduceTensor& produce);

}  // namespace tenon::loading
