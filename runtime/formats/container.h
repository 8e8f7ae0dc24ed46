// One file's listing, whatever it is.
#pragma once

#include <tenon/byte_source.h>
#include <tenon/limits.h>

#include "runtime/formats/listing.h"

namespace tenon::formats {

struct Opened {
  Container container = Container::kSafetensors;
  Listing listing;  // empty for kIndex: the shards are other files
};

/// Recognises and lists one file. A JSON file gives kIndex, unread. Checks afterwards that the file did not change.
[[nodiscard]] Result<Opened> read_container(const ByteSource& source, const Limits& limits);

}  // namespace tenon::formats
