// A tensor's bytes, in the host's order and row-major, whatever view of its storage it is.
#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <stdexcept>

#include <tenon/checkpoint.h>

#include "runtime/io/text.h"

namespace tenon {
namespace {

constexpr std::uint64_t kWindowBytes = std::uint64_t{1} << 16;

/// Bytes of one number: half an element of a complex type.
std::size_t number_bytes(DType dtype) {
  const auto bytes = static_cast<std::size_t>(dtype_bits(dtype)) / 8;
  return dtype_kind(dtype) == DTypeKind::kComplex ? bytes / 2 : bytes;
}

void swap_numbers(std::span<std::byte> bytes, std::size_t width) {
  if (width < 2) return;
  for (std::size_t at = 0; at + width <= bytes.size(); at += width) std::reverse(&bytes[at], &bytes[at] + width);
}

/// A bool that is neither 0 nor 1 would be undefined behaviour to whoever reads it as one.
void normalise_bools(std::span<std::byte> bytes) {
  for (std::byte& value : bytes) value = value == std::byte{0} ? std::byte{0} : std::byte{1};
}

/// Reads elements at rising places of the file through one small window.
class Window {
 public:
  Window(const ByteSource& source, std::uint64_t end) : source_(source), end_(end) {}

  Result<const std::byte*> at(std::uint64_t offset, std::size_t width) {
    if (offset >= start_ && offset + width <= start_ + buffer_.size()) return buffer_.data() + (offset - start_);
    buffer_.resize(static_cast<std::size_t>(std::min(kWindowBytes, end_ - offset)));
    start_ = offset;
    if (const auto read = source_.read(offset, buffer_); !read) return Failure(read.error());
    return buffer_.data();
  }

 private:
  const ByteSource& source_;
  std::uint64_t end_;
  std::uint64_t start_ = 0;
  std::vector<std::byte> buffer_;
};

/// Walks the elements in the storage's order, so that a transposed view costs one pass over the file.
Result<void> gather(const ByteSource& source, const TensorEntry& entry, std::span<std::byte> out) {
  const std::size_t rank = entry.shape.size();
  const auto width = static_cast<std::int64_t>(dtype_bits(entry.dtype) / 8);
  std::vector<std::size_t> order(rank);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(
    order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return entry.strides[a] > entry.strides[b]; });
  std::vector<std::int64_t> out_strides(rank, 1);
  for (std::size_t d = rank; d-- > 1;) out_strides[d - 1] = out_strides[d] * std::max<std::int64_t>(entry.shape[d], 1);
  Window window(source, entry.storage_offset + entry.storage_bytes);
  std::vector<std::int64_t> index(rank, 0);
  std::int64_t from = 0;  // in elements
  std::int64_t to = 0;
  while (true) {
    const auto element =
      window.at(entry.offset + static_cast<std::uint64_t>(from * width), static_cast<std::size_t>(width));
    if (!element) return Failure(element.error());
    std::memcpy(&out[static_cast<std::size_t>(to * width)], *element, static_cast<std::size_t>(width));
    std::size_t k = rank;
    for (; k > 0; --k) {
      const std::size_t d = order[k - 1];
      from += entry.strides[d];
      to += out_strides[d];
      if (++index[d] < entry.shape[d]) break;
      from -= entry.strides[d] * entry.shape[d];
      to -= out_strides[d] * entry.shape[d];
      index[d] = 0;
    }
    if (k == 0) return {};
  }
}

}  // namespace

Result<void> read_tensor(const Checkpoint& checkpoint, const TensorEntry& entry, std::span<std::byte> out) {
  const ByteSource& source = *checkpoint.files[entry.file].source;
  if (out.size() != entry.bytes) throw std::invalid_argument("read_tensor: the buffer must have entry.bytes bytes");
  if (!entry.foreign_type.empty()) {
    return io::refuse(ErrorKind::kUnsupported,
                      "TS-GGML",
                      {.file = source.name(), .tensor = entry.name},
                      "GGML type " + io::escape(entry.foreign_type),
                      "a dtype that tenon knows is required");
  }
  if (out.empty()) return {};
  const auto read = entry.strides.empty() ? source.read(entry.offset, out) : gather(source, entry, out);
  if (!read) return read;
  if (entry.big_endian != (std::endian::native == std::endian::big)) swap_numbers(out, number_bytes(entry.dtype));
  if (entry.dtype == DType::kBool) normalise_bools(out);
  return {};
}

}  // namespace tenon
