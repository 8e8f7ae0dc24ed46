#include "runtime/formats/zip_end.h"

#include <algorithm>
#include <optional>
#include <string>

#include "runtime/io/checked.h"
#include "runtime/io/read_all.h"
#include "runtime/io/text.h"

namespace tenon::formats {
namespace {

constexpr std::size_t kEndBytes = 22;
constexpr std::size_t kLocatorBytes = 20;
constexpr std::size_t kEnd64Bytes = 56;
constexpr std::uint64_t kMaxComment = 65'535;
constexpr std::string_view kEndMagic = "PK\5\6";
constexpr std::string_view kLocatorMagic = "PK\6\7";
constexpr std::string_view kEnd64Magic = "PK\6\6";

std::uint64_t number(std::string_view bytes, std::size_t at, std::size_t width) {
  std::uint64_t value = 0;
  for (std::size_t i = width; i > 0; --i) value = (value << 8) | static_cast<unsigned char>(bytes[at + i - 1]);
  return value;
}

class EndReader {
 public:
  EndReader(const ByteSource& source, const Limits& limits) : source_(source), limits_(limits) {}

  Result<ZipEnd> read() {
    const std::uint64_t size = source_.size();
    const std::uint64_t tail_bytes = std::min<std::uint64_t>(size, kEndBytes + kMaxComment + kLocatorBytes);
    auto tail = io::read_range(source_, size - tail_bytes, tail_bytes);
    if (!tail) return Failure(tail.error());
    tail_ = std::move(*tail);
    tail_begin_ = size - tail_bytes;
    const auto at = find_end();
    if (!at) return Failure(at.error());
    const std::string_view record = std::string_view(tail_).substr(*at);
    if (zip16(record, 4) != 0 && zip16(record, 4) != 0xffff) return several_disks();
    if (zip16(record, 6) != 0 && zip16(record, 6) != 0xffff) return several_disks();
    ZipEnd end{zip16(record, 10), zip32(record, 16), zip32(record, 12)};
    std::uint64_t end_at = tail_begin_ + *at;
    if (zip16(record, 8) != zip16(record, 10)) return several_disks();
    const bool has_locator = *at >= kLocatorBytes && tail_.compare(*at - kLocatorBytes, 4, kLocatorMagic) == 0;
    if (has_locator) {
      const auto end64 = read_end64(*at - kLocatorBytes, end, end_at);
      if (!end64) return Failure(end64.error());
      end = *end64;
    } else if (end.entries == 0xffff || end.directory == 0xffffffff || end.directory_bytes == 0xffffffff) {
      return refuse("ZP-ZIP64", "an end record that points to a zip64 record, and none", "the two belong together");
    }
    return check(end, end_at);
  }

 private:
  Failure refuse(std::string_view code,
                 std::string_view found,
                 std::string_view required,
                 ErrorKind kind = ErrorKind::kMalformed) const {
    return io::refuse(kind, code, {.file = source_.name()}, found, required);
  }
  Failure several_disks() const { return refuse("ZP-DISK", "an archive of several disks", "one file must hold it"); }

  /// The place of the only end record in the tail; it ends the file and has no comment.
  Result<std::size_t> find_end() const {
    const std::uint64_t size = source_.size();
    std::optional<std::size_t> found;
    std::optional<std::size_t> loose;  // an end record with something behind it
    for (std::size_t at = tail_.rfind(kEndMagic); at != std::string::npos;
         at = at == 0 ? std::string::npos : tail_.rfind(kEndMagic, at - 1)) {
      if (tail_.size() - at < kEndBytes) continue;
      if (!loose) loose = at;
      const std::uint64_t comment = zip16(tail_, at + 20);
      if (at + kEndBytes + comment != tail_.size()) continue;
      if (found) return refuse("ZP-TWO-ENDS", "two end records", "one is required");
      found = at;
    }
    if (found) {
      const std::uint64_t comment = zip16(tail_, *found + 20);
      if (comment == 0) return *found;
      return refuse("ZP-COMMENT",
                    "the archive has a " + std::to_string(comment) + "-byte comment",
                    "torch.save writes none, and a comment can hide an archive");
    }
    if (loose) {
      const std::uint64_t behind = size - tail_begin_ - *loose - kEndBytes;
      const std::uint64_t comment = zip16(tail_, *loose + 20);
      if (comment > behind) {
        return refuse("ZP-COMMENT",
                      "an end record with a comment of " + std::to_string(comment) + " bytes, and " + std::to_string(behind) +
                          " behind it",
                      "torch.save writes no comment");
      }
      return refuse(
        "ZP-TRAILING", std::to_string(behind) + " bytes after the archive", "the end record must end the file");
    }
    const bool zeros = tail_.find_first_not_of('\0') == std::string::npos;
    return refuse("ZP-END",
                  zeros ? "no end-of-central-directory record, the last " + std::to_string(tail_.size()) + " bytes are zero"
                        : std::string("no end-of-central-directory record"),
                  zeros ? "a zip archive ends with one: the file is damaged, or was never written to its end"
                        : "a zip archive ends with one: the file is truncated (incomplete download?)");
  }

  /// `end_at` becomes the place where the directory must end.
  Result<ZipEnd> read_end64(std::size_t locator, const ZipEnd& end32, std::uint64_t& end_at) const {
    const std::uint64_t locator_at = tail_begin_ + locator;
    const std::uint64_t record_at = zip64(tail_, locator + 8);
    if (zip32(tail_, locator + 4) != 0 || zip32(tail_, locator + 16) > 1) return several_disks();
    if (record_at >= locator_at || locator_at - record_at < kEnd64Bytes) {
      return refuse("ZP-ZIP64", "the zip64 locator points outside", "it must point to the zip64 end record");
    }
    const auto record = io::read_range(source_, record_at, kEnd64Bytes);
    if (!record) return Failure(record.error());
    // The record's length excludes its first twelve bytes.
    const bool adjacent = record->starts_with(kEnd64Magic) && zip64(*record, 4) == locator_at - record_at - 12;
    if (!adjacent) {
      return refuse("ZP-ZIP64", "no zip64 end record before its locator", "it must end where the locator begins");
    }
    if (zip32(*record, 16) != 0 || zip32(*record, 20) != 0 || zip64(*record, 24) != zip64(*record, 32)) {
      return several_disks();
    }
    const ZipEnd end{zip64(*record, 32), zip64(*record, 48), zip64(*record, 40)};
    const auto agrees = [](std::uint64_t small, std::uint64_t sentinel, std::uint64_t large) {
      return small == sentinel || small == large;
    };
    if (!agrees(end32.entries, 0xffff, end.entries) || !agrees(end32.directory, 0xffffffff, end.directory) ||
        !agrees(end32.directory_bytes, 0xffffffff, end.directory_bytes)) {
      return refuse("ZP-ZIP64", "the zip64 and the 32-bit end record disagree", "both must say the same");
    }
    end_at = record_at;
    return end;
  }

  Result<ZipEnd> check(const ZipEnd& end, std::uint64_t end_at) const {
    if (end.entries > limits_.zip_entries) {
      return refuse("ZP-ENTRIES",
                    std::to_string(end.entries) + " entries",
                    "the limit is " + std::to_string(limits_.zip_entries),
                    ErrorKind::kLimit);
    }
    if (end.directory_bytes > limits_.zip_directory_bytes) {
      return refuse("ZP-DIRECTORY-LIMIT",
                    "a directory of " + std::to_string(end.directory_bytes) + " bytes",
                    "the limit is " + std::to_string(limits_.zip_directory_bytes),
                    ErrorKind::kLimit);
    }
    const auto directory_end = io::add(end.directory, end.directory_bytes);
    if (directory_end && *directory_end == end_at) return end;
    return refuse("ZP-DIRECTORY",
                  "the directory at " + std::to_string(end.directory) + " of " + std::to_string(end.directory_bytes) +
                    " bytes does not end at the end record, byte " + std::to_string(end_at),
                  "it must (incomplete or prefixed archive?)");
  }

  const ByteSource& source_;
  const Limits& limits_;
  std::string tail_;
  std::uint64_t tail_begin_ = 0;
};

}  // namespace

std::uint16_t zip16(std::string_view bytes, std::size_t at) { return static_cast<std::uint16_t>(number(bytes, at, 2)); }
std::uint32_t zip32(std::string_view bytes, std::size_t at) { return static_cast<std::uint32_t>(number(bytes, at, 4)); }
std::uint64_t zip64(std::string_view bytes, std::size_t at) { return number(bytes, at, 8); }

Result<ZipEnd> read_zip_end(const ByteSource& source, const Limits& limits) { return EndReader(source, limits).read(); }

}  // namespace tenon::formats
