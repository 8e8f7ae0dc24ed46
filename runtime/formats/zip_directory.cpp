#include "runtime/formats/zip_directory.h"

#include <algorithm>
#include <optional>

#include <zlib.h>

#include "runtime/formats/zip_end.h"
#include "runtime/io/checked.h"
#include "runtime/io/read_all.h"
#include "runtime/io/text.h"

namespace tenon::formats {
namespace {

constexpr std::size_t kCentralBytes = 46;
constexpr std::size_t kLocalBytes = 30;
constexpr std::string_view kCentralMagic = "PK\1\2";
constexpr std::string_view kLocalMagic = "PK\3\4";
constexpr std::string_view kDescriptorMagic = "PK\7\10";
constexpr std::uint16_t kZip64Extra = 0x0001;
constexpr std::uint16_t kUnicodePathExtra = 0x7075;
constexpr std::uint16_t kEncrypted = 0x0001;
constexpr std::uint16_t kStrongEncryption = 0x0040;
constexpr std::uint16_t kMaskedHeaders = 0x2000;
constexpr std::uint16_t kHasDescriptor = 0x0008;
constexpr std::uint16_t kUtf8Names = 0x0800;
constexpr std::uint32_t kMax32 = 0xffffffff;

/// An entry as the directory states it, with what is only needed to hold the local header against it.
struct Central {
  ZipEntry entry;
  std::uint16_t flags = 0;
  std::uint64_t end = 0;  // first byte after the content; a data descriptor may follow
};

char fold(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

class DirectoryReader {
 public:
  DirectoryReader(const ByteSource& source, const Limits& limits) : source_(source), limits_(limits) {}

  Result<ZipDirectory> read() {
    if (auto begins = check_begin(); !begins) return Failure(begins.error());
    const auto end = read_zip_end(source_, limits_);
    if (!end) return Failure(end.error());
    if (auto parsed = read_central(*end); !parsed) return Failure(parsed.error());
    if (auto unique = check_names(); !unique) return Failure(unique.error());
    if (auto apart = check_headers(); !apart) return Failure(apart.error());
    for (Central& central : entries_) {
      name_ = central.entry.name;
      if (auto same = check_local(central, end->directory); !same) return Failure(same.error());
    }
    if (auto apart = check_places(end->directory); !apart) return Failure(apart.error());
    name_.reset();
    return finish();
  }

 private:
  Failure refuse(std::string_view code,
                 std::string_view found,
                 std::string_view required,
                 ErrorKind kind = ErrorKind::kMalformed) const {
    const std::string member = name_ ? "entry " + io::quoted(*name_, 96) : "";
    const std::string text = member.empty() ? std::string(found) : member + ": " + std::string(found);
    return io::refuse(kind, code, {.file = source_.name()}, text, required);
  }

  Result<void> check_begin() const {
    const auto head = io::read_range(source_, 0, std::min<std::uint64_t>(source_.size(), 4));
    if (!head) return Failure(head.error());
    if (*head == kLocalMagic || *head == "PK\5\6") return {};
    return refuse("ZP-PREFIX", "the archive does not begin at byte 0", "its first entry must");
  }

  Result<void> read_central(const ZipEnd& end) {
    if (end.entries > end.directory_bytes / kCentralBytes) {
      return refuse("ZP-COUNT",
                    "the end record counts " + std::to_string(end.entries) + " entries, the directory has " +
                      std::to_string(end.directory_bytes) + " bytes",
                    "each entry needs " + std::to_string(kCentralBytes));
    }
    const auto directory = io::read_range(source_, end.directory, end.directory_bytes);
    if (!directory) return Failure(directory.error());
    std::string_view rest = *directory;
    while (!rest.empty()) {
      if (entries_.size() == end.entries) {
        return refuse("ZP-COUNT",
                      "the directory has more than the " + std::to_string(end.entries) + " entries the end record counts",
                      "both must agree");
      }
      name_.reset();
      auto used = read_one(rest, end);
      if (!used) return Failure(used.error());
      rest.remove_prefix(*used);
    }
    if (entries_.size() == end.entries) return {};
    name_.reset();
    return refuse("ZP-COUNT",
                  "the directory has " + std::to_string(entries_.size()) + " entries, the end record counts " +
                    std::to_string(end.entries),
                  "both must agree");
  }

  Result<std::size_t> read_one(std::string_view record, const ZipEnd& end) {
    if (record.size() < kCentralBytes || !record.starts_with(kCentralMagic)) {
      return refuse("ZP-ENTRY", "no entry where the directory has one", "the directory holds entries only");
    }
    const std::size_t name_bytes = zip16(record, 28);
    const std::size_t extra_bytes = zip16(record, 30);
    const std::size_t comment_bytes = zip16(record, 32);
    const std::size_t total = kCentralBytes + name_bytes + extra_bytes + comment_bytes;
    if (total > record.size()) return refuse("ZP-ENTRY", "an entry runs past the directory", "it must lie inside");
    Central central;
    central.entry.name = record.substr(kCentralBytes, name_bytes);
    central.flags = zip16(record, 8);
    central.entry.method = zip16(record, 10);
    central.entry.crc32 = zip32(record, 16);
    central.entry.stored = zip32(record, 20);
    central.entry.size = zip32(record, 24);
    central.entry.header = zip32(record, 42);
    name_ = central.entry.name;
    if (auto sound = check_name(central.entry.name, central.flags); !sound) return Failure(sound.error());
    if (comment_bytes != 0) return refuse("ZP-COMMENT", "the entry has a comment", "torch.save writes none");
    if (zip16(record, 34) != 0 && zip16(record, 34) != 0xffff) {
      return refuse("ZP-DISK", "an archive of several disks", "one file must hold it");
    }
    if (auto plain = check_kind(record, central); !plain) return Failure(plain.error());
    const std::string_view extra = record.substr(kCentralBytes + name_bytes, extra_bytes);
    if (auto wide = widen(extra, central.entry); !wide) return Failure(wide.error());
    const ZipEntry& entry = central.entry;
    if (entry.header >= end.directory || end.directory - entry.header < kLocalBytes) {
      return refuse("ZP-OFFSET", "its header is at byte " + std::to_string(entry.header), "it must lie before the directory");
    }
    entries_.push_back(std::move(central));
    return total;
  }

  Result<void> check_name(std::string_view name, std::uint16_t flags) const {
    if (name.size() > limits_.zip_name_bytes) {
      return refuse("ZP-NAME-LIMIT",
                    "a name of " + std::to_string(name.size()) + " bytes",
                    "the limit is " + std::to_string(limits_.zip_name_bytes),
                    ErrorKind::kLimit);
    }
    if (io::find_invalid_utf8(name)) return refuse("ZP-NAME-UTF8", "its name is not UTF-8", "names are UTF-8");
    const bool ascii = std::all_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (!ascii && (flags & kUtf8Names) == 0) {
      return refuse("ZP-NAME-UTF8", "a name outside ASCII without the UTF-8 flag", "readers would disagree about it");
    }
    const std::string framed = "/" + std::string(name) + "/";
    const bool control = std::any_of(
      name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    const bool unsafe = name.empty() || control || name.front() == '/' || name.find('\\') != std::string_view::npos ||
                        name.find(':') != std::string_view::npos || framed.find("/../") != std::string::npos ||
                        framed.find("/./") != std::string::npos || name.find("//") != std::string_view::npos;
    if (unsafe) return refuse("ZP-NAME", "unsafe entry name", "a plain relative path is required", ErrorKind::kUnsafe);
    return {};
  }

  /// What the entry is: neither encrypted nor anything but a file or a folder.
  Result<void> check_kind(std::string_view record, const Central& central) {
    if ((central.flags & (kEncrypted | kStrongEncryption | kMaskedHeaders)) != 0) {
      return refuse("ZP-ENCRYPTED", "the entry is encrypted", "plain entries are read");
    }
    const std::uint16_t method = central.entry.method;
    if (method != 0 && method != 8) {
      return refuse("ZP-METHOD",
                    "compression method " + std::to_string(method),
                    "torch.save stores its entries",
                    ErrorKind::kUnsupported);
    }
    const unsigned host = zip16(record, 4) >> 8;
    const unsigned type = zip32(record, 38) >> 28;
    constexpr unsigned kRegular = 8;
    constexpr unsigned kFolder = 4;
    const bool unix_host = host == 3 || host == 19;
    const bool known = type == 0 || type == kRegular || (type == kFolder && central.entry.is_folder());
    if (unix_host && !known) {
      return refuse("ZP-LINK",
                    type == 10 ? "the entry is a symbolic link" : "the entry is no regular file",
                    "only files and folders are read",
                    ErrorKind::kUnsafe);
    }
    if (central.entry.is_folder()) {
      if (central.entry.size != 0) return refuse("ZP-NAME", "a folder with content", "folders are empty");
      if (folders_++ == 0) note("ZP-FOLDER", "folder entries");
    }
    return {};
  }

  /// Takes 64-bit values from the extra field where the 32-bit ones say so.
  Result<void> widen(std::string_view extra, ZipEntry& entry) const {
    const auto field = find_zip64(extra);
    if (!field) return Failure(field.error());
    std::string_view values = field->value_or("");
    for (std::uint64_t* value : {&entry.size, &entry.stored, &entry.header}) {
      if (*value != kMax32) continue;
      if (values.size() < 8) return refuse("ZP-ZIP64", "a 64-bit value is missing", "its extra field must have it");
      *value = zip64(values, 0);
      values.remove_prefix(8);
    }
    return {};
  }

  /// The zip64 extra field; the whole list of fields must be well formed.
  Result<std::optional<std::string_view>> find_zip64(std::string_view extra) const {
    std::optional<std::string_view> found;
    while (!extra.empty()) {
      const std::size_t length = extra.size() < 4 ? 0 : zip16(extra, 2);
      if (extra.size() < 4 || length > extra.size() - 4) {
        return refuse("ZP-EXTRA", "a malformed extra field", "each has an id, a length and that many bytes");
      }
      const std::uint16_t id = zip16(extra, 0);
      if (id == kUnicodePathExtra) return refuse("ZP-EXTRA", "a second name in an extra field", "an entry has one name");
      if (id == kZip64Extra) {
        if (found) return refuse("ZP-EXTRA", "two zip64 extra fields", "one is required");
        found = extra.substr(4, length);
      }
      extra.remove_prefix(4 + length);
    }
    return found;
  }

  /// Two names for one local header would each be right for some reader.
  Result<void> check_headers() {
    std::vector<std::pair<std::uint64_t, const std::string*>> headers;
    for (const Central& central : entries_) headers.emplace_back(central.entry.header, &central.entry.name);
    std::sort(headers.begin(), headers.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t i = 1; i < headers.size(); ++i) {
      if (headers[i].first != headers[i - 1].first) continue;
      name_ = *headers[i].second;
      return refuse("ZP-OVERLAP", "overlaps " + io::quoted(*headers[i - 1].second, 96), "entries lie apart");
    }
    name_.reset();
    return {};
  }

  Result<void> check_local(Central& central, std::uint64_t limit) {
    ZipEntry& entry = central.entry;
    const std::uint64_t available = limit - entry.header;
    const std::uint64_t wanted = std::min<std::uint64_t>(kLocalBytes + entry.name.size(), available);
    const auto head = io::read_range(source_, entry.header, wanted);
    if (!head) return Failure(head.error());
    if (!head->starts_with(kLocalMagic)) return refuse("ZP-LOCAL", "no local header where the directory says", "one is required");
    const std::uint64_t name_bytes = zip16(*head, 26);
    const std::uint64_t extra_bytes = zip16(*head, 28);
    if (!io::fits(kLocalBytes + name_bytes, extra_bytes, available)) {
      return refuse("ZP-PAST-END", "its local header runs into the directory", "it must end before");
    }
    if (name_bytes != entry.name.size() || std::string_view(*head).substr(kLocalBytes) != entry.name) {
      return refuse("ZP-LOCAL-NAME",
                    "the local header names " + io::quoted(std::string_view(*head).substr(kLocalBytes, name_bytes)),
                    "directory and local header must agree");
    }
    if (zip16(*head, 6) != central.flags || zip16(*head, 8) != entry.method) {
      return refuse("ZP-LOCAL", "flags or method differ in the local header", "directory and local header must agree");
    }
    const auto extra = io::read_range(source_, entry.header + kLocalBytes + name_bytes, extra_bytes);
    if (!extra) return Failure(extra.error());
    if (auto same = check_local_sizes(*head, *extra, central); !same) return same;
    entry.data = entry.header + kLocalBytes + name_bytes + extra_bytes;
    if (!io::fits(entry.data, entry.stored, limit)) {
      return refuse("ZP-PAST-END", "needs " + std::to_string(entry.stored) + " bytes", "it must end before the directory");
    }
    central.end = entry.data + entry.stored;
    return {};
  }

  Result<void> check_local_sizes(std::string_view head, std::string_view extra, const Central& central) const {
    const ZipEntry& entry = central.entry;
    const auto field = find_zip64(extra);
    if (!field) return Failure(field.error());
    const bool later = (central.flags & kHasDescriptor) != 0;
    const std::uint32_t crc = zip32(head, 14);
    if (crc != entry.crc32 && !(later && crc == 0)) {
      return refuse("ZP-LOCAL", "the checksum differs in the local header", "directory and local header must agree");
    }
    std::uint64_t stored = zip32(head, 18);
    std::uint64_t size = zip32(head, 22);
    std::string_view wide = field->value_or("");
    for (std::uint64_t* value : {&size, &stored}) {
      if (*value != kMax32) continue;
      if (wide.size() < 8) return refuse("ZP-ZIP64", "a 64-bit value is missing", "its extra field must have it");
      *value = zip64(wide, 0);
      wide.remove_prefix(8);
    }
    const bool stated = size == entry.size && stored == entry.stored;
    const bool deferred = later && size == 0 && stored == 0;
    if (stated || deferred) return {};
    return refuse("ZP-LOCAL-SIZE",
                  "its local header says " + std::to_string(stored) + " bytes, the directory " + std::to_string(entry.stored),
                  "both must agree");
  }

  /// From byte 0 to the directory, every byte belongs to exactly one entry.
  Result<void> check_places(std::uint64_t directory) {
    std::vector<const Central*> order;
    for (const Central& central : entries_) order.push_back(&central);
    std::sort(order.begin(), order.end(), [](const Central* a, const Central* b) {
      return a->entry.header != b->entry.header ? a->entry.header < b->entry.header : a < b;
    });
    std::uint64_t expected = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      const Central& central = *order[i];
      name_ = central.entry.name;
      if (central.entry.header < expected) {
        return refuse("ZP-OVERLAP", "overlaps " + io::quoted(order[i - 1]->entry.name, 96), "entries lie apart");
      }
      if (central.entry.header > expected) return gap(expected, central.entry.header);
      const std::uint64_t next = i + 1 < order.size() ? order[i + 1]->entry.header : directory;
      if (next < central.end) {
        name_ = i + 1 < order.size() ? order[i + 1]->entry.name : central.entry.name;
        return refuse("ZP-OVERLAP", "overlaps " + io::quoted(central.entry.name, 96), "entries lie apart");
      }
      if ((central.flags & kHasDescriptor) != 0) {
        if (auto same = check_descriptor(central, next - central.end); !same) return same;
        expected = next;
      } else {
        expected = central.end;
      }
    }
    name_.reset();
    if (expected != directory) return gap(expected, directory);
    return {};
  }

  Failure gap(std::uint64_t begin, std::uint64_t end) {
    name_.reset();
    return refuse("ZP-GAP",
                  std::to_string(end - begin) + " bytes at " + std::to_string(begin) + " belong to no entry",
                  "entries follow each other");
  }

  /// Checksum and sizes again behind the content, with or without a signature, in 32 or 64 bits.
  Result<void> check_descriptor(const Central& central, std::uint64_t length) const {
    const bool known = length == 12 || length == 16 || length == 20 || length == 24;
    if (!known) return refuse("ZP-DESCRIPTOR", "no data descriptor behind its content", "its flags promise one");
    auto bytes = io::read_range(source_, central.end, length);
    if (!bytes) return Failure(bytes.error());
    std::string_view rest = *bytes;
    if (length == 16 || length == 24) {
      if (!rest.starts_with(kDescriptorMagic)) {
        return refuse("ZP-DESCRIPTOR", "a data descriptor without its signature", "its length requires one");
      }
      rest.remove_prefix(4);
    }
    const bool wide = rest.size() == 20;
    const std::uint64_t stored = wide ? zip64(rest, 4) : zip32(rest, 4);
    const std::uint64_t size = wide ? zip64(rest, 12) : zip32(rest, 8);
    const ZipEntry& entry = central.entry;
    if (zip32(rest, 0) == entry.crc32 && stored == entry.stored && size == entry.size) return {};
    return refuse("ZP-DESCRIPTOR", "its data descriptor differs from the directory", "both must agree");
  }

  Result<void> check_names() {
    std::sort(entries_.begin(), entries_.end(), [](const Central& a, const Central& b) { return a.entry.name < b.entry.name; });
    for (std::size_t i = 1; i < entries_.size(); ++i) {
      if (entries_[i].entry.name != entries_[i - 1].entry.name) continue;
      name_ = entries_[i].entry.name;
      return refuse("ZP-DUPLICATE", "duplicate entry", "names must be unique");
    }
    std::vector<std::pair<std::string, const std::string*>> folded;
    for (const Central& central : entries_) {
      std::string lower = central.entry.name;
      std::transform(lower.begin(), lower.end(), lower.begin(), fold);
      folded.emplace_back(std::move(lower), &central.entry.name);
    }
    std::sort(folded.begin(), folded.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t i = 1; i < folded.size(); ++i) {
      if (folded[i].first != folded[i - 1].first) continue;
      name_ = *folded[i].second;
      return refuse(
        "ZP-CASE", "differs from " + io::quoted(*folded[i - 1].second, 96) + " only in case", "some readers ignore case");
    }
    return {};
  }

  void note(std::string_view code, std::string_view text) {
    notes_.push_back({std::string(code), io::message_line({.file = source_.name()}, text, "", code)});
  }

  ZipDirectory finish() {
    std::size_t unchecked = 0;
    ZipDirectory directory;
    for (Central& central : entries_) {
      if (central.entry.crc32 == 0 && central.entry.size != 0) ++unchecked;
      directory.entries.push_back(std::move(central.entry));
    }
    if (unchecked != 0) note("ZP-NOCRC", std::to_string(unchecked) + " entries without a checksum");
    directory.notes = std::move(notes_);
    return directory;
  }

  const ByteSource& source_;
  const Limits& limits_;
  std::optional<std::string> name_;  // the entry that messages are about
  std::vector<Central> entries_;
  std::vector<ContainerNote> notes_;
  std::size_t folders_ = 0;
};

}  // namespace

const ZipEntry* ZipDirectory::find(std::string_view name) const {
  const auto found = std::lower_bound(
    entries.begin(), entries.end(), name, [](const ZipEntry& entry, std::string_view n) { return entry.name < n; });
  return found != entries.end() && found->name == name ? &*found : nullptr;
}

Result<ZipDirectory> read_zip_directory(const ByteSource& source, const Limits& limits) {
  return DirectoryReader(source, limits).read();
}

Result<std::string> read_stored(const ByteSource& source, const ZipEntry& entry) {
  const io::Place place{.file = source.name()};
  const std::string who = "entry " + io::quoted(entry.name, 96) + ": ";
  if (entry.method != 0 || entry.stored != entry.size) {
    return io::refuse(ErrorKind::kUnsupported, "ZP-COMPRESSED", place, who + "it is compressed", "torch.save stores its entries");
  }
  auto content = io::read_range(source, entry.data, entry.size);
  if (!content || entry.crc32 == 0) return content;
  const auto crc = ::crc32_z(0, reinterpret_cast<const Bytef*>(content->data()), content->size());
  if (crc == entry.crc32) return content;
  return io::refuse(ErrorKind::kMalformed, "ZP-CRC", place, who + "its checksum differs", "the content must match it");
}

}  // namespace tenon::formats
