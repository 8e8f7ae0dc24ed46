// The directory of a zip archive, read so strictly that no other reader can see another archive in the same bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/byte_source.h>
#include <tenon/limits.h>

#include "runtime/formats/listing.h"

namespace tenon::formats {

struct ZipEntry {
  std::string name;
  std::uint64_t header = 0;  // of the local header
  std::uint64_t data = 0;    // first byte of the content
  std::uint64_t stored = 0;  // bytes in the archive
  std::uint64_t size = 0;    // bytes of the content
  std::uint32_t crc32 = 0;   // 0 on a non-empty entry: none
  std::uint16_t method = 0;  // 0 stored, 8 deflated
  [[nodiscard]] bool is_folder() const { return name.ends_with('/'); }
};

struct ZipDirectory {
  std::vector<ZipEntry> entries;  // sorted by name, each once
  std::vector<ContainerNote> notes;
  [[nodiscard]] const ZipEntry* find(std::string_view name) const;
};

/// Reads the end record, the directory and every local header; no content. The entries lie in the file one after the
/// other from byte 0, do not overlap, and say the same in both places. Codes ZP-…
[[nodiscard]] Result<ZipDirectory> read_zip_directory(const ByteSource& source, const Limits& limits);

/// The content of a stored entry, its checksum checked (ZP-CRC); compressed ones are ZP-COMPRESSED.
[[nodiscard]] Result<std::string> read_stored(const ByteSource& source, const ZipEntry& entry);

}  // namespace tenon::formats
