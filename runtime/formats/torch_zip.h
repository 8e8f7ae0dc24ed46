// torch.save archives (since torch 1.6) and TorchScript archives, whose weights are read the same way.
#pragma once

#include <tenon/byte_source.h>
#include <tenon/limits.h>

#include "runtime/formats/container.h"

namespace tenon::formats {

/// Lists a zip archive as a checkpoint; another kind of archive is an error that names it. `code/` of a TorchScript
/// archive is never opened.
[[nodiscard]] Result<Opened> read_torch_zip(const ByteSource& source, const Limits& limits);

}  // namespace tenon::formats
