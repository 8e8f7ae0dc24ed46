#include "runtime/build/checksum.h"

#include <zlib.h>

#include "runtime/io/text.h"

namespace tenon::loading {

std::uint32_t crc32_of(std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

bool Checksums::settled(const TensorEntry& entry) const {
  if (!entry.has_crc32) return true;
  const auto found = storages_.find(entry.storage);
  return found != storages_.end() && found->second.position == entry.storage_bytes;
}

Result<void> Checksums::add(const CheckpointFile& file, const TensorEntry& entry, std::uint32_t crc, std::uint64_t size) {
  auto& running = storages_[entry.storage];
  running.crc = static_cast<std::uint32_t>(::crc32_combine(running.crc, crc, static_cast<z_off_t>(size)));
  running.position += size;
  if (running.position < entry.storage_bytes || running.crc == entry.storage_crc32) return {};
  return io::refuse(ErrorKind::kMalformed,
                    "ZP-CRC",
                    {.file = file.path, .tensor = entry.name, .byte = entry.storage_offset},
                    "the bytes of its storage do not have the checksum that the file carries for them",
                    "they must be the bytes that were saved",
                    "get the file again: it was damaged after it was written");
}

}  // namespace tenon::loading
