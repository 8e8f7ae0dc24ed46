#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

#include "runtime/formats/safetensors_header.h"
#include "runtime/io/text.h"

namespace tenon::formats {
namespace {

class LayoutChecker {
 public:
  LayoutChecker(const std::string& file, std::uint64_t data_begin, std::uint64_t data_bytes, const StatedTensors& tensors)
      : file_(file), data_begin_(data_begin), data_bytes_(data_bytes), stated_(tensors), tensors_(tensors.items) {}

  Result<void> check() const {
    if (auto unique = check_names(); !unique) return unique;
    for (const StatedTensor& tensor : tensors_) {
      if (auto sound = check_one(tensor); !sound) return sound;
    }
    return check_cover();
  }

 private:
  Failure refuse(std::string_view code, const StatedTensor& tensor, std::string_view found, std::string_view required) const {
    return io::refuse(ErrorKind::kMalformed, code, {.file = file_, .tensor = tensor.name}, found, required);
  }

  static std::string offsets(const StatedTensor& tensor) {
    return "data_offsets [" + std::to_string(tensor.begin) + ", " + std::to_string(tensor.end) + "]";
  }

  std::vector<std::uint32_t> sorted_by(auto less) const {
    std::vector<std::uint32_t> order(tensors_.size());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), less);
    return order;
  }

  Result<void> check_names() const {
    const auto order = sorted_by([this](std::uint32_t a, std::uint32_t b) {
      const int compared = tensors_[a].name.compare(tensors_[b].name);
      return compared != 0 ? compared < 0 : a < b;
    });
    std::uint32_t first = std::numeric_limits<std::uint32_t>::max();
    for (std::size_t i = 1; i < order.size(); ++i) {
      if (tensors_[order[i]].name == tensors_[order[i - 1]].name) first = std::min(first, order[i]);
    }
    if (first == std::numeric_limits<std::uint32_t>::max()) return {};
    return refuse("ST-DUPLICATE", tensors_[first], "duplicate tensor name", "names must be unique");
  }

  Result<void> check_one(const StatedTensor& tensor) const {
    if (tensor.begin > tensor.end) {
      return refuse("ST-REVERSED", tensor, offsets(tensor) + " begin after their end", "begin must not be after end");
    }
    const Shape dims = stated_.shape_of(tensor);
    const auto bytes = byte_size(tensor.dtype, dims);
    const std::string shape = std::string(dtype_name(tensor.dtype)) + " " + to_string(dims);
    if (!bytes) {
      return refuse("ST-OVERFLOW", tensor, "shape " + shape + " overflows", "sizes and strides must stay under 2^63");
    }
    const auto count = numel(dims).value_or(0);
    const auto loose_bits = count % 8 * dtype_bits(tensor.dtype) % 8;
    if (loose_bits != 0) {
      return refuse("ST-SUBBYTE",
                    tensor,
                    shape + " ends " + std::to_string(loose_bits) + " bits into a byte",
                    "tensors must fill whole bytes");
    }
    const std::uint64_t span = tensor.end - tensor.begin;
    if (span != static_cast<std::uint64_t>(*bytes)) {
      return refuse("ST-SIZE",
                    tensor,
                    "shape " + shape + " needs " + std::to_string(*bytes) + " bytes",
                    offsets(tensor) + " give " + std::to_string(span));
    }
    if (tensor.end > data_bytes_) {
      return refuse("ST-PAST-END",
                    tensor,
                    offsets(tensor) + " end past the " + std::to_string(data_bytes_) + " data bytes of the file",
                    "the file is truncated: its header describes " + std::to_string(data_begin_ + described_bytes()) +
                      " bytes, it has " + std::to_string(data_begin_ + data_bytes_));
    }
    return {};
  }

  std::uint64_t described_bytes() const {
    std::uint64_t end = 0;
    for (const StatedTensor& tensor : tensors_) end = std::max(end, tensor.end);
    return end;
  }

  /// No byte without an owner, none with two.
  Result<void> check_cover() const {
    const auto order = sorted_by([this](std::uint32_t a, std::uint32_t b) {
      const StatedTensor& x = tensors_[a];
      const StatedTensor& y = tensors_[b];
      return std::tie(x.begin, x.end, a) < std::tie(y.begin, y.end, b);
    });
    std::uint64_t owned = 0;
    const StatedTensor* owner = nullptr;  // of the byte before `owned`
    for (const std::uint32_t index : order) {
      const StatedTensor& tensor = tensors_[index];
      if (tensor.begin > owned) return hole(tensor, owned);
      if (tensor.begin < owned) return overlap(tensor, *owner);
      if (tensor.end > owned) owner = &tensor;
      owned = tensor.end;
    }
    if (owned == data_bytes_) return {};
    return io::refuse(ErrorKind::kMalformed,
                      "ST-TRAILING",
                      {.file = file_},
                      std::to_string(data_bytes_ - owned) + " bytes after the last tensor",
                      "the tensors must cover the data exactly");
  }

  Failure hole(const StatedTensor& tensor, std::uint64_t owned) const {
    return refuse("ST-HOLE",
                  tensor,
                  offsets(tensor) + " leave " + std::to_string(tensor.begin - owned) + " unowned bytes at " +
                    std::to_string(owned),
                  "offsets must be contiguous");
  }

  Failure overlap(const StatedTensor& tensor, const StatedTensor& owner) const {
    if (tensor.begin == owner.begin && tensor.end == owner.end) {
      return refuse("ST-SHARED", tensor, "shares its bytes with " + io::quoted(owner.name), "one name per range");
    }
    if (tensor.begin == tensor.end) {
      return refuse("ST-OVERLAP",
                    tensor,
                    "offset " + std::to_string(tensor.begin) + " is inside " + io::quoted(owner.name),
                    "offsets must be contiguous");
    }
    return refuse("ST-OVERLAP", tensor, "overlaps " + io::quoted(owner.name), "offsets must be contiguous");
  }

  const std::string& file_;
  std::uint64_t data_begin_;
  std::uint64_t data_bytes_;
  const StatedTensors& stated_;
  const std::deque<StatedTensor>& tensors_;
};

}  // namespace

Result<void> check_layout(const std::string& file,
                          std::uint64_t data_begin,
                          std::uint64_t data_bytes,
                          const StatedTensors& tensors) {
  return LayoutChecker(file, data_begin, data_bytes, tensors).check();
}

}  // namespace tenon::formats
