// The end of a zip archive: where its directory is.
#pragma once

#include <cstdint>
#include <string_view>

#include <tenon/byte_source.h>
#include <tenon/limits.h>

namespace tenon::formats {

struct ZipEnd {
  std::uint64_t entries = 0;
  std::uint64_t directory = 0;  // its first byte
  std::uint64_t directory_bytes = 0;
};

/// Reads the end record and, where there is one, the zip64 end record; both must say the same.
[[nodiscard]] Result<ZipEnd> read_zip_end(const ByteSource& source, const Limits& limits);

/// Numbers of a zip record.
[[nodiscard]] std::uint16_t zip16(std::string_view bytes, std::size_t at);
[[nodiscard]] std::uint32_t zip32(std::string_view bytes, std::size_t at);
[[nodiscard]] std::uint64_t zip64(std::string_view bytes, std::size_t at);

}  // namespace tenon::formats
