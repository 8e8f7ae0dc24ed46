// The CRC-32 that a torch zip carries for each storage, checked as the bytes come by.
#pragma once

#include <cstdint>
#include <map>
#include <span>

#include <tenon/checkpoint.h>
#include <tenon/error.h>

namespace tenon::loading {

[[nodiscard]] std::uint32_t crc32_of(std::span<const std::byte> bytes);

/// One storage at a time or several in turn; pieces of one storage come in order.
class Checksums {
 public:
  /// Whether the storage is known to be right, or carries no checksum.
  [[nodiscard]] bool settled(const TensorEntry& entry) const;
  /// The checksum of the next `size` bytes of the storage; the last piece settles it or is ZP-CRC (kMalformed).
  [[nodiscard]] Result<void> add(const CheckpointFile& file, const TensorEntry& entry, std::uint32_t crc, std::uint64_t size);

 private:
  struct Running {
    std::uint64_t position = 0;
    std::uint32_t crc = 0;
  };
  std::map<std::uint64_t, Running> storages_;
};

}  // namespace tenon::loading
