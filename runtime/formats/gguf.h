// GGUF: listed (names, types, shapes, metadata), never loaded.
#pragma once

#include <tenon/byte_source.h>
#include <tenon/limits.h>

#include "runtime/formats/listing.h"

namespace tenon::formats {

/// Reads the header of GGUF version 2 or 3. Shapes are given outermost first, as in every other container. Codes GG-….
[[nodiscard]] Result<Listing> read_gguf(const ByteSource& source, const Limits& limits);

}  // namespace tenon::formats
