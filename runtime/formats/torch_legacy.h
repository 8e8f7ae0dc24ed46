// torch.save streams from before torch 1.6: five pickles back to back, then each storage's count and data.
#pragma once

#include <tenon/byte_source.h>
#include <tenon/limits.h>

#include "runtime/formats/listing.h"

namespace tenon::formats {

/// Lists a legacy stream; a pickle of another origin is TS-PICKLE. Codes LG-… and PK-….
[[nodiscard]] Result<Listing> read_torch_legacy(const ByteSource& source, const Limits& limits);

}  // namespace tenon::formats
