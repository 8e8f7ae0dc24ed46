// Where bytes come from: a file, memory, or a faulty stand-in in tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <tenon/error.h>

namespace [[gnu::visibility("default")]] tenon {

/// Random access to immutable bytes. Safe to use from several threads.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// The path as the user wrote it; used in messages.
  [[nodiscard]] virtual const std::string& name() const = 0;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  /// Fills all of `out` from `offset`; a short read is an error (kIo, or kChanged when the file shrank).
  [[nodiscard]] virtual Result<void> read(std::uint64_t offset, std::span<std::byte> out) const = 0;
  /// Says whether the file is still the one that was opened (size, inode, mtime). kChanged if not.
  [[nodiscard]] virtual Result<void> unchanged() const { return {}; }
  /// A private, copy-on-write mapping of the whole source that outlives the source; null where mapping
  /// is not possible. Writes to it never reach the file.
  struct Mapping {
    std::byte* data = nullptr;
    std::uint64_t size = 0;
  };
  [[nodiscard]] virtual Result<std::shared_ptr<const Mapping>> map() const {
    return std::shared_ptr<const Mapping>{};
  }
};

/// Opens a regular file for reading (no FIFO, directory, device). Codes: IO-NOTFOUND, IO-PERMISSION, IO-NOTAFILE, IO-READ.
[[nodiscard]] Result<std::shared_ptr<ByteSource>> open_file(const std::string& path);
/// Bytes in memory, for tests and embedders; `name` is used in messages.
[[nodiscard]] std::shared_ptr<ByteSource> memory_source(std::string name, std::string bytes);

}  // namespace tenon
