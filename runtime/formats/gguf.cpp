#include "runtime/formats/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

#include "runtime/io/checked.h"
#include "runtime/io/read_all.h"
#include "runtime/io/text.h"

namespace tenon::formats {
namespace {

constexpr std::uint64_t kWindow = 65'536;
constexpr std::uint64_t kMaxKey = 65'535;
constexpr std::uint64_t kShownText = 4'096;
constexpr std::uint64_t kDefaultAlignment = 32;

/// A GGML type: so many bytes hold a block of so many elements.
struct GgmlType {
  std::uint32_t id;
  std::string_view name;
  std::uint32_t block;
  std::uint32_t bytes;
  std::optional<DType> dtype = std::nullopt;
};

constexpr GgmlType kTypes[] = {
  {0, "F32", 1, 4, DType::kF32},
  {1, "F16", 1, 2, DType::kF16},
  {2, "Q4_0", 32, 18},
  {3, "Q4_1", 32, 20},
  {6, "Q5_0", 32, 22},
  {7, "Q5_1", 32, 24},
  {8, "Q8_0", 32, 34},
  {9, "Q8_1", 32, 36},
  {10, "Q2_K", 256, 84},
  {11, "Q3_K", 256, 110},
  {12, "Q4_K", 256, 144},
  {13, "Q5_K", 256, 176},
  {14, "Q6_K", 256, 210},
  {15, "Q8_K", 256, 292},
  {16, "IQ2_XXS", 256, 66},
  {17, "IQ2_XS", 256, 74},
  {18, "IQ3_XXS", 256, 98},
  {19, "IQ1_S", 256, 50},
  {20, "IQ4_NL", 32, 18},
  {21, "IQ3_S", 256, 110},
  {22, "IQ2_S", 256, 82},
  {23, "IQ4_XS", 256, 136},
  {24, "I8", 1, 1, DType::kI8},
  {25, "I16", 1, 2, DType::kI16},
  {26, "I32", 1, 4, DType::kI32},
  {27, "I64", 1, 8, DType::kI64},
  {28, "F64", 1, 8, DType::kF64},
  {29, "IQ1_M", 256, 56},
  {30, "BF16", 1, 2, DType::kBF16},
  {34, "TQ1_0", 256, 54},
  {35, "TQ2_0", 256, 66},
  {39, "MXFP4", 32, 17},
};

enum ValueType : std::uint32_t { kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kString, kArray, kU64, kI64, kF64, kEnd };

std::uint64_t width_of(std::uint32_t type) {
  constexpr std::array<std::uint64_t, kEnd> kWidths = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return kWidths[type];
}

class GgufReader {
 public:
  GgufReader(const ByteSource& source, const Limits& limits) : source_(source), limits_(limits) {}

  Result<Listing> read() {
    at_ = 4;
    const auto version = number(4);
    if (!version) return Failure(version.error());
    if (*version != 2 && *version != 3) {
      return refuse("GG-VERSION", "version " + std::to_string(*version), "2 and 3 are known", ErrorKind::kUnsupported);
    }
    const auto tensors = number(8);
    if (!tensors) return Failure(tensors.error());
    const auto values = number(8);
    if (!values) return Failure(values.error());
    if (*tensors > limits_.tensors_per_file || *values > limits_.tensors_per_file) {
      return refuse("GG-LIMIT",
                    std::to_string(*tensors) + " tensors and " + std::to_string(*values) + " values",
                    "the limit is " + std::to_string(limits_.tensors_per_file),
                    ErrorKind::kLimit);
    }
    for (std::uint64_t i = 0; i < *values; ++i) {
      if (auto done = read_value(); !done) return Failure(done.error());
    }
    for (std::uint64_t i = 0; i < *tensors; ++i) {
      if (auto done = read_tensor_info(); !done) return Failure(done.error());
    }
    if (auto placed = place_tensors(); !placed) return Failure(placed.error());
    return std::move(listing_);
  }

 private:
  Failure refuse(std::string_view code,
                 std::string_view found,
                 std::string_view required,
                 ErrorKind kind = ErrorKind::kMalformed) const {
    return io::refuse(kind, code, {.file = source_.name(), .byte = at_}, found, required);
  }

  /// `length` bytes at the cursor, at most kWindow, read through a window.
  Result<std::string_view> take(std::uint64_t length) {
    if (!io::fits(at_, length, source_.size())) {
      return refuse("GG-SHORT",
                    std::to_string(length) + " bytes needed, " + std::to_string(source_.size() - at_) + " are left",
                    "the header must lie inside the file (incomplete download?)");
    }
    if (at_ < window_at_ || at_ + length > window_at_ + window_.size()) {
      auto bytes = io::read_range(source_, at_, std::min(std::max(kWindow, length), source_.size() - at_));
      if (!bytes) return Failure(bytes.error());
      window_ = std::move(*bytes);
      window_at_ = at_;
    }
    const auto found = std::string_view(window_).substr(at_ - window_at_, length);
    at_ += length;
    return found;
  }

  Result<std::uint64_t> number(std::uint64_t width) {
    const auto bytes = take(width);
    if (!bytes) return Failure(bytes.error());
    std::uint64_t value = 0;
    for (std::size_t i = width; i > 0; --i) value = (value << 8) | static_cast<unsigned char>((*bytes)[i - 1]);
    return value;
  }

  Result<void> skip(std::uint64_t length) {
    if (!io::fits(at_, length, source_.size())) {
      return refuse("GG-SHORT", std::to_string(length) + " bytes needed", "the header must lie inside the file");
    }
    at_ += length;
    return {};
  }

  Result<std::string> text(std::uint64_t most, std::string_view what) {
    const auto length = number(8);
    if (!length) return Failure(length.error());
    if (*length > most) {
      return refuse("GG-NAME-LIMIT",
                    std::string(what) + " of " + std::to_string(*length) + " bytes",
                    "the limit is " + std::to_string(most),
                    ErrorKind::kLimit);
    }
    const auto bytes = take(*length);
    if (!bytes) return Failure(bytes.error());
    const bool plain = !io::find_invalid_utf8(*bytes) && bytes->find('\0') == std::string_view::npos;
    if (!plain) return refuse("GG-NAME", std::string(what) + " that is no text", "UTF-8 without NUL is required");
    return std::string(*bytes);
  }

  Result<void> read_value() {
    const auto key = text(kMaxKey, "a key");
    if (!key) return Failure(key.error());
    const auto type = number(4);
    if (!type) return Failure(type.error());
    auto value = read_typed(static_cast<std::uint32_t>(*type), *key);
    if (!value) return Failure(value.error());
    if (listing_.metadata.emplace(*key, std::move(*value)).second) return {};
    return refuse("GG-DUPLICATE", "duplicate key " + io::quoted(*key), "keys must be unique");
  }

  Result<std::string> read_typed(std::uint32_t type, const std::string& key) {
    if (type >= kEnd) return refuse("GG-TYPE", "value type " + std::to_string(type), "0 to 12 are known");
    if (type == kString) return read_text_value();
    if (type == kArray) return read_array();
    const auto raw = number(width_of(type));
    if (!raw) return Failure(raw.error());
    if (key == "general.alignment" && type == kU32) alignment_ = *raw;
    switch (type) {
      case kBool:
        return std::string(*raw != 0 ? "true" : "false");
      case kF32:
        return real(std::bit_cast<float>(static_cast<std::uint32_t>(*raw)));
      case kF64:
        return real(std::bit_cast<double>(*raw));
      case kI8:
        return std::to_string(static_cast<std::int8_t>(*raw));
      case kI16:
        return std::to_string(static_cast<std::int16_t>(*raw));
      case kI32:
        return std::to_string(static_cast<std::int32_t>(*raw));
      case kI64:
        return std::to_string(static_cast<std::int64_t>(*raw));
      default:
        return std::to_string(*raw);
    }
  }

  template <class Real>
  static std::string real(Real value) {
    char digits[40];
    return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
  }

  /// Long texts (chat templates, licences) are passed over.
  Result<std::string> read_text_value() {
    const auto length = number(8);
    if (!length) return Failure(length.error());
    if (*length > kShownText) {
      if (auto done = skip(*length); !done) return Failure(done.error());
      return "(text of " + std::to_string(*length) + " bytes)";
    }
    const auto bytes = take(*length);
    if (!bytes) return Failure(bytes.error());
    return std::string(*bytes);
  }

  Result<std::string> read_array() {
    const auto type = number(4);
    if (!type) return Failure(type.error());
    const auto count = number(8);
    if (!count) return Failure(count.error());
    if (*type >= kEnd || *type == kArray) {
      return refuse("GG-TYPE", "an array of type " + std::to_string(*type), "arrays hold numbers or texts");
    }
    if (*type == kString) {
      for (std::uint64_t i = 0; i < *count; ++i) {
        const auto length = number(8);
        if (!length) return Failure(length.error());
        if (auto done = skip(*length); !done) return Failure(done.error());
      }
    } else {
      const auto bytes = io::multiply(*count, width_of(static_cast<std::uint32_t>(*type)));
      if (!bytes) return refuse("GG-SHORT", "an array of " + std::to_string(*count) + " items", "it must lie inside the file");
      if (auto done = skip(*bytes); !done) return Failure(done.error());
    }
    return "(" + std::to_string(*count) + " items)";
  }

  Result<void> read_tensor_info() {
    TensorEntry entry;
    const auto name = text(limits_.name_bytes, "a tensor name");
    if (!name) return Failure(name.error());
    entry.name = *name;
    const auto rank = number(4);
    if (!rank) return Failure(rank.error());
    if (*rank > limits_.rank) {
      return refuse("GG-RANK", "rank " + std::to_string(*rank), "the limit is " + std::to_string(limits_.rank), ErrorKind::kLimit);
    }
    for (std::uint64_t d = 0; d < *rank; ++d) {
      const auto dim = number(8);
      if (!dim) return Failure(dim.error());
      entry.shape.push_back(static_cast<std::int64_t>(*dim));  // over 2^63 becomes negative, which numel() refuses
    }
    const std::int64_t row = entry.shape.empty() ? 1 : entry.shape.front();
    std::reverse(entry.shape.begin(), entry.shape.end());
    const auto id = number(4);
    if (!id) return Failure(id.error());
    const auto offset = number(8);
    if (!offset) return Failure(offset.error());
    const auto type = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const GgmlType& t) { return t.id == *id; });
    if (type == std::end(kTypes)) {
      return refuse("GG-TYPE", "GGML type " + std::to_string(*id), "a known type is required", ErrorKind::kUnsupported);
    }
    const auto count = numel(entry.shape);
    if (!count || row % type->block != 0) {
      return refuse("GG-SHAPE",
                    std::string(type->name) + " of shape " + to_string(entry.shape),
                    "rows are whole blocks of " + std::to_string(type->block) + ", sizes under 2^63");
    }
    const auto bytes = io::multiply(static_cast<std::uint64_t>(*count / type->block), std::uint64_t{type->bytes});
    if (!bytes) return refuse("GG-SHAPE", "shape " + to_string(entry.shape) + " overflows", "sizes must stay under 2^63");
    entry.dtype = type->dtype.value_or(DType::kU8);
    if (!type->dtype) entry.foreign_type = type->name;
    entry.bytes = *bytes;
    entry.offset = *offset;  // from the data's first byte, until place_tensors()
    entry.storage = listing_.tensors.size();
    listing_.tensors.push_back(std::move(entry));
    return {};
  }

  Result<void> place_tensors() {
    if (alignment_ == 0 || (alignment_ & (alignment_ - 1)) != 0) {
      return refuse("GG-ALIGNMENT", "alignment " + std::to_string(alignment_), "a power of two is required");
    }
    const auto padded = io::add(at_, alignment_ - 1);
    const std::uint64_t data = padded ? *padded & ~(alignment_ - 1) : source_.size();
    for (TensorEntry& entry : listing_.tensors) {
      const auto offset = io::add(data, entry.offset);
      if (!offset || entry.offset % alignment_ != 0 || !io::fits(*offset, entry.bytes, source_.size())) {
        return io::refuse(ErrorKind::kMalformed,
                          "GG-OFFSET",
                          {.file = source_.name(), .tensor = entry.name},
                          std::to_string(entry.bytes) + " bytes at data offset " + std::to_string(entry.offset),
                          "it must be aligned and lie inside the file (incomplete download?)");
      }
      entry.offset = *offset;
      entry.storage_offset = *offset;
      entry.storage_bytes = entry.bytes;
    }
    return check_apart();
  }

  Result<void> check_apart() const {
    std::vector<const TensorEntry*> order;
    for (const TensorEntry& entry : listing_.tensors) order.push_back(&entry);
    std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->name < b->name; });
    for (std::size_t i = 1; i < order.size(); ++i) {
      if (order[i]->name != order[i - 1]->name) continue;
      return io::refuse(ErrorKind::kMalformed,
                        "GG-DUPLICATE",
                        {.file = source_.name(), .tensor = order[i]->name},
                        "duplicate tensor name",
                        "names must be unique");
    }
    std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->offset < b->offset; });
    for (std::size_t i = 1; i < order.size(); ++i) {
      if (order[i - 1]->bytes == 0 || order[i - 1]->offset + order[i - 1]->bytes <= order[i]->offset) continue;
      return io::refuse(ErrorKind::kMalformed,
                        "GG-OVERLAP",
                        {.file = source_.name(), .tensor = order[i]->name},
                        "overlaps " + io::quoted(order[i - 1]->name),
                        "tensors lie apart");
    }
    return {};
  }

  const ByteSource& source_;
  const Limits& limits_;
  std::uint64_t at_ = 0;
  std::uint64_t window_at_ = 0;
  std::string window_;
  std::uint64_t alignment_ = kDefaultAlignment;
  Listing listing_;
};

}  // namespace

Result<Listing> read_gguf(const ByteSource& source, const Limits& limits) { return GgufReader(source, limits).read(); }

}  // namespace tenon::formats
