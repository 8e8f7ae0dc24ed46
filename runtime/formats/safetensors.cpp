#include "runtime/formats/safetensors.h"

#include <span>

#include <simdjson.h>

#include "runtime/formats/json_check.h"
#include "runtime/formats/safetensors_header.h"
#include "runtime/io/read_all.h"
#include "runtime/io/text.h"

namespace tenon::formats {
namespace {

constexpr std::uint64_t kSmallest = 10;  // the length and "{}"

struct Header {
  std::uint64_t length = 0;
  std::string text;  // padded as simdjson wants it
};

std::uint64_t little_endian(const std::string& bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) value = (value << 8) | static_cast<unsigned char>(bytes[i - 1]);
  return value;
}

Result<Header> read_header(const ByteSource& source, const Limits& limits) {
  const io::Place place{.file = source.name()};
  const auto refuse = [&](ErrorKind kind, std::string_view code, std::string_view found, std::string_view required) {
    return io::refuse(kind, code, place, found, required);
  };
  const std::uint64_t size = source.size();
  if (size < kSafetensorsLengthBytes) {
    return refuse(ErrorKind::kMalformed,
                  "ST-SHORT",
                  "the file is " + std::to_string(size) + " bytes",
                  "a safetensors file has at least " + std::to_string(kSmallest) + ", 8 of them a length");
  }
  auto length_bytes = io::read_range(source, 0, kSafetensorsLengthBytes);
  if (!length_bytes) return Failure(length_bytes.error());
  Header header{.length = little_endian(*length_bytes), .text = {}};
  const std::string found = "header length " + std::to_string(header.length);
  if (header.length > limits.safetensors_header_bytes) {
    return refuse(
      ErrorKind::kLimit, "ST-HEADER-LIMIT", found, "the limit is " + std::to_string(limits.safetensors_header_bytes));
  }
  if (header.length > size - kSafetensorsLengthBytes) {
    return refuse(ErrorKind::kMalformed,
                  "ST-HEADER-LENGTH",
                  found + ", " + std::to_string(size - kSafetensorsLengthBytes) + " bytes follow",
                  "the header must lie inside the file (incomplete download?)");
  }
  if (header.length == 0) {
    return refuse(ErrorKind::kMalformed, "ST-HEADER-EMPTY", found, "a header is at least \"{}\"");
  }
  header.text.resize(static_cast<std::size_t>(header.length) + simdjson::SIMDJSON_PADDING);
  const auto bytes = std::as_writable_bytes(std::span(header.text.data(), static_cast<std::size_t>(header.length)));
  if (const auto read = source.read(kSafetensorsLengthBytes, bytes); !read) return Failure(read.error());
  return header;
}

TensorEntry to_entry(StatedTensor&& stated, Shape shape, std::uint64_t data_begin, std::uint64_t storage) {
  TensorEntry entry;
  entry.name = std::move(stated.name);
  entry.dtype = stated.dtype;
  entry.shape = std::move(shape);
  entry.offset = data_begin + stated.begin;
  entry.bytes = stated.end - stated.begin;
  entry.storage = storage;
  entry.storage_offset = entry.offset;
  entry.storage_bytes = entry.bytes;
  return entry;
}

}  // namespace

Result<Listing> read_safetensors(const ByteSource& source, const Limits& limits) {
  auto header = read_header(source, limits);
  if (!header) return Failure(header.error());
  const std::string_view text(header->text.data(), static_cast<std::size_t>(header->length));
  if (const auto fault = find_json_fault(text, limits.json_depth)) {
    return json_failure(*fault, "ST", source.name(), kSafetensorsLengthBytes);
  }
  Listing listing;
  auto stated = read_stated_tensors(source.name(), text, limits, listing);
  if (!stated) return Failure(stated.error());
  const std::uint64_t data_begin = kSafetensorsLengthBytes + header->length;
  if (auto sound = check_layout(source.name(), data_begin, source.size() - data_begin, *stated); !sound) {
    return Failure(sound.error());
  }
  header->text = {};
  listing.tensors.reserve(stated->items.size());
  for (std::size_t i = 0; i < stated->items.size(); ++i) {
    listing.tensors.push_back(to_entry(std::move(stated->items[i]), stated->shape_of(stated->items[i]), data_begin, i));
  }
  return listing;
}

}  // namespace tenon::formats
