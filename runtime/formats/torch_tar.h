// torch.save files from before torch 0.1.10: a tar of three pickles with the data between them.
#pragma once

#include <tenon/byte_source.h>
#include <tenon/limits.h>

#include "runtime/formats/listing.h"

namespace tenon::formats {

/// Codes LG-TAR…, PK-…; a tar that is no such checkpoint is LG-TAR.
[[nodiscard]] Result<Listing> read_torch_tar(const ByteSource& source, const Limits& limits);

}  // namespace tenon::formats
