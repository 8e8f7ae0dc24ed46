// Stage "build", first half: the bytes of listed tensors become CPU tensors, by mapping or by reading in bounded chunks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include <tenon/checkpoint.h>
#include <tenon/error.h>

#include "runtime/build/checksum.h"
#include "runtime/build/progress.h"

namespace tenon::loading {

/// What one callback of progress covers.
inline constexpr std::uint64_t kBatchBytes = std::uint64_t{16} << 20;

/// Whether a mapping can hold the tensor as it is: contiguous, aligned, of a dtype whose every bit pattern is a value.
[[nodiscard]] bool can_view(const TensorEntry& entry);

class SourceReader {
 public:
  /// `mapped`: tensors become views of a private mapping where their data is aligned and contiguous.
  /// `total_bytes`: what the plan reads, for progress.
  /// `verify`: checksums that the container carries are checked (ZP-CRC).
  SourceReader(const Checkpoint& checkpoint,
               bool mapped,
               bool verify,
               const Progress& progress,
               std::uint64_t total_bytes);

  /// A tensor over the mapping without a copy; nullopt when it has to be read. Its storage has exactly its size and
  /// keeps the mapping alive.
  [[nodiscard]] Result<std::optional<at::Tensor>> view(std::uint32_t tensor);
  /// The contiguous tensor over the mapping that holds the same bytes as `part`, a contiguous piece of a view.
  [[nodiscard]] at::Tensor exact(std::uint32_t tensor, const at::Tensor& part) const;

  /// Reads a tensor into `out` (CPU, contiguous, same shape), casting to its dtype chunk by chunk.
  [[nodiscard]] Result<void> read(std::uint32_t tensor, at::Tensor& out);

  /// Fills `out` with the bytes [offset, offset + out.size()) of a contiguous tensor, on all threads, and reports progress.
  [[nodiscard]] Result<void> read_bytes(std::uint32_t tensor, std::uint64_t offset, std::span<std::byte> out);

  /// The checksum of the tensor's whole storage, where the container carries one: for callers of read_tensor(), which sees
  /// only the tensor's own bytes.
  [[nodiscard]] Result<void> check(std::uint32_t tensor);

  /// Whether every file is still the one that was listed.
  [[nodiscard]] Result<void> unchanged() const;
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_; }

 private:
  using Mapping = std::shared_ptr<const ByteSource::Mapping>;
  [[nodiscard]] const TensorEntry& entry(std::uint32_t tensor) const { return checkpoint_.tensors[tensor]; }
  [[nodiscard]] Result<Mapping> mapping(std::uint32_t file);
  [[nodiscard]] Result<void> count(std::uint64_t bytes);
  /// Streams the bytes [offset, offset + size) of a file region: `place(begin, end)` gives room for a chunk, `use(begin, chunk)`
  /// is told when it is there. Chunks of a batch run on all threads. `check`: the bytes also settle the entry's checksum.
  template <class Place, class Use>
  [[nodiscard]] Result<void> stream(const TensorEntry& entry,
                                    std::uint64_t offset,
                                    std::uint64_t size,
                                    bool check,
                                    const Place& place,
                                    const Use& use);
  /// Through a temporary: views with strides, and bools, whose bytes are made 0 or 1.
  [[nodiscard]] Result<void> read_gathered(const TensorEntry& entry, at::Tensor& out);
  /// Reads the whole storage for its checksum, where the tensor alone would not show all of it.
  [[nodiscard]] Result<void> verify_storage(const TensorEntry& entry);
  [[nodiscard]] bool wants_check(const TensorEntry& entry) const { return verify_ && !checksums_.settled(entry); }

  const Checkpoint& checkpoint_;
  bool mapped_;
  bool verify_;
  const Progress& progress_;
  std::uint64_t total_;
  std::uint64_t bytes_ = 0;
  std::vector<std::optional<Mapping>> mappings_;  // per file; nullopt: not asked yet
  std::set<std::uint32_t> files_;                 // that gave bytes
  Checksums checksums_;
};

}  // namespace tenon::loading
