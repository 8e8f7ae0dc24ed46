// The safetensors container: an 8-byte length, a JSON header, the data.
#pragma once

#include <tenon/byte_source.h>
#include <tenon/limits.h>

#include "runtime/formats/listing.h"

namespace tenon::formats {

/// Reads the header and nothing else. Everything accepted here is accepted by the reference reader; what that reader
/// takes and this one does not is listed in docs/container-codes.md.
[[nodiscard]] Result<Listing> read_safetensors(const ByteSource& source, const Limits& limits);

}  // namespace tenon::formats
