#include "runtime/build/source_reader.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <mutex>
#include <utility>

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/ne.h>

#include <tenon/nn/spec_of.h>

#include "runtime/build/host_memory.h"
#include "runtime/io/text.h"

namespace tenon::loading {
namespace {

constexpr std::uint64_t kChunkBytes = std::uint64_t{1} << 20;  // one read call of one thread: fits the second-level cache

at::Tensor view_of(std::byte* data, at::IntArrayRef shape, DType dtype, std::shared_ptr<const ByteSource::Mapping> holder) {
  return at::from_blob(
      data, shape, [holder = std::move(holder)](void*) {}, at::TensorOptions().dtype(scalar_type_of(dtype)));
}

/// Room for one chunk, one per thread.
std::span<std::byte> chunk_buffer(std::uint64_t bytes) {
  thread_local std::vector<std::byte> buffer(kChunkBytes);
  return std::span(buffer).first(bytes);
}

/// Whether the file holds the numbers as memory does: row-major, in the host's byte order, every bit pattern a value.
bool is_as_in_memory(const TensorEntry& entry) {
  // A byte that is neither 0 nor 1 is no bool, so bools are always read and normalised.
  return entry.strides.empty() && entry.dtype != DType::kBool && entry.big_endian == (std::endian::native == std::endian::big);
}

/// Whether reading the tensor shows every byte of its storage, in order.
bool is_whole_storage(const TensorEntry& entry) {
  return is_as_in_memory(entry) && entry.offset == entry.storage_offset &&
         entry.bytes == entry.storage_bytes;
}

/// Runs `work(begin, end)` over [0, size) in chunks on all threads; the first error wins.
template <class Work>
Result<void> in_chunks(std::uint64_t size, std::uint64_t chunk, const Work& work) {
  std::mutex mutex;
  Result<void> result;
  std::atomic<bool> failed = false;
  const auto chunks = static_cast<std::int64_t>((size + chunk - 1) / chunk);
  at::parallel_for(0, chunks, 1, [&](std::int64_t first, std::int64_t last) {
    for (auto i = static_cast<std::uint64_t>(first); i < static_cast<std::uint64_t>(last) && !failed; ++i) {
      auto done = work(i * chunk, std::min((i + 1) * chunk, size));
      if (done) continue;
      const std::lock_guard lock(mutex);
      if (!failed.exchange(true)) result = std::move(done);
    }
  });
  return result;
}

}  // namespace

bool can_view(const TensorEntry& entry) {
  if (!is_as_in_memory(entry) || entry.bytes == 0) return false;
  return has_scalar_type(entry.dtype) && entry.offset % c10::elementSize(scalar_type_of(entry.dtype)) == 0;
}

SourceReader::SourceReader(const Checkpoint& checkpoint,
                           bool mapped,
                           bool verify,
                           const Progress& progress,
                           std::uint64_t total_bytes)
    : checkpoint_(checkpoint),
      mapped_(mapped),
      verify_(verify),
      progress_(progress),
      total_(total_bytes),
      mappings_(checkpoint.files.size()) {}

Result<SourceReader::Mapping> SourceReader::mapping(std::uint32_t file) {
  auto& known = mappings_[file];
  if (!known) {
    auto made = checkpoint_.files[file].source->map();
    if (!made) return tl::unexpected(made.error());
    known = std::move(*made);
  }
  return *known;
}

Result<void> SourceReader::count(std::uint64_t bytes) {
  bytes_ += bytes;
  return progress_.report("read", bytes_, std::max(total_, bytes_));
}

Result<std::optional<at::Tensor>> SourceReader::view(std::uint32_t tensor) {
  const auto& listed = entry(tensor);
  if (!mapped_ || !can_view(listed)) return std::nullopt;
  auto made = mapping(listed.file);
  if (!made) return tl::unexpected(made.error());
  const auto& file = *made;
  if (!file) return std::nullopt;
  if (wants_check(listed)) {
    if (auto verified = verify_storage(listed); !verified) return tl::unexpected(verified.error());
  }
  if (listed.offset > file->size || listed.bytes > file->size - listed.offset) return std::nullopt;
  files_.insert(listed.file);
  if (auto counted = count(listed.bytes); !counted) return tl::unexpected(counted.error());
  return view_of(file->data + listed.offset, listed.shape, listed.dtype, file);
}

at::Tensor SourceReader::exact(std::uint32_t tensor, const at::Tensor& part) const {
  const auto& listed = entry(tensor);
  return view_of(static_cast<std::byte*>(part.data_ptr()), part.sizes(), listed.dtype, *mappings_[listed.file]);
}

template <class Place, class Use>
Result<void> SourceReader::stream(const TensorEntry& entry,
                                  std::uint64_t offset,
                                  std::uint64_t size,
                                  bool check,
                                  const Place& place,
                                  const Use& use) {
  const auto& file = checkpoint_.files[entry.file];
  files_.insert(entry.file);
  std::array<std::uint32_t, kBatchBytes / kChunkBytes> crcs{};
  for (std::uint64_t done = 0; done < size;) {
    const auto batch = std::min<std::uint64_t>(kBatchBytes, size - done);
    auto read = in_chunks(batch, kChunkBytes, [&](std::uint64_t begin, std::uint64_t end) -> Result<void> {
      const std::span<std::byte> chunk = place(done + begin, done + end);
      if (auto got = file.source->read(offset + done + begin, chunk); !got) return got;
      if (check) crcs[begin / kChunkBytes] = crc32_of(chunk);
      use(done + begin, chunk);
      return {};
    });
    if (!read) return read;
    for (std::uint64_t begin = 0; check && begin < batch; begin += kChunkBytes) {
      const auto length = std::min(kChunkBytes, batch - begin);
      if (auto sum = checksums_.add(file, entry, crcs[begin / kChunkBytes], length); !sum) return sum;
    }
    done += batch;
    if (auto counted = count(batch); !counted) return counted;
  }
  return {};
}

Result<void> SourceReader::verify_storage(const TensorEntry& entry) {
  const auto place = [](std::uint64_t begin, std::uint64_t end) { return chunk_buffer(end - begin); };
  return stream(entry, entry.storage_offset, entry.storage_bytes, true, place, [](auto, auto) {});
}

Result<void> SourceReader::check(std::uint32_t tensor) {
  if (!wants_check(entry(tensor))) return {};
  return verify_storage(entry(tensor));
}

Result<void> SourceReader::read_bytes(std::uint32_t tensor, std::uint64_t offset, std::span<std::byte> out) {
  const auto& listed = entry(tensor);
  if (wants_check(listed) && !is_whole_storage(listed)) {
    if (auto verified = verify_storage(listed); !verified) return verified;
  }
  const auto place = [&](std::uint64_t begin, std::uint64_t end) { return out.subspan(begin, end - begin); };
  return stream(listed, listed.offset + offset, out.size(), wants_check(listed), place, [](auto, auto) {});
}

Result<void> SourceReader::read(std::uint32_t tensor, at::Tensor& out) {
  const auto& listed = entry(tensor);
  const auto type = scalar_type_of(listed.dtype);
  if (listed.bytes == 0) return {};
  if (wants_check(listed) && !is_whole_storage(listed)) {
    if (auto verified = verify_storage(listed); !verified) return verified;
  }
  if (!is_as_in_memory(listed)) return read_gathered(listed, out);
  if (type == out.scalar_type()) return read_bytes(tensor, 0, bytes_of(out));

  // Each thread reads a chunk into its own buffer and casts it from the cache into its place.
  const auto width = c10::elementSize(type);
  const auto flat = out.view({-1});
  const auto place = [](std::uint64_t begin, std::uint64_t end) { return chunk_buffer(end - begin); };
  const auto cast = [&](std::uint64_t begin, std::span<std::byte> chunk) {
    const auto length = static_cast<std::int64_t>(chunk.size() / width);
    flat.narrow(0, static_cast<std::int64_t>(begin / width), length)
        .copy_(at::from_blob(chunk.data(), {length}, at::TensorOptions().dtype(type)));
  };
  return stream(listed, listed.offset, listed.bytes, wants_check(listed), place, cast);
}

Result<void> SourceReader::read_gathered(const TensorEntry& listed, at::Tensor& out) {
  const bool boolean = listed.dtype == DType::kBool;
  files_.insert(listed.file);
  const auto whole =
      at::empty(listed.shape, at::TensorOptions().dtype(boolean ? at::kByte : scalar_type_of(listed.dtype)));
  if (auto read = read_tensor(checkpoint_, listed, bytes_of(whole)); !read) return read;
  out.copy_(boolean ? whole.ne(0) : whole);
  return count(listed.bytes);
}

Result<void> SourceReader::unchanged() const {
  for (const auto file : files_) {
    if (auto same = checkpoint_.files[file].source->unchanged(); !same) return same;
  }
  return {};
}

}  // namespace tenon::loading
