#include "runtime/formats/tar_directory.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "runtime/io/checked.h"
#include "runtime/io/read_all.h"
#include "runtime/io/text.h"

namespace tenon::formats {
namespace {

constexpr std::uint64_t kBlock = 512;
constexpr std::uint64_t kMaxPadding = 20 * kBlock;  // tar writes whole records of twenty blocks
constexpr std::uint64_t kMaxRecords = 4'096;        // of one pax header
constexpr std::size_t kMaxMembers = 64;             // a checkpoint has four

/// Where a header keeps a field.
struct Field {
  std::size_t at;
  std::size_t length;
};
constexpr Field kName{0, 100};
constexpr Field kSize{124, 12};
constexpr Field kChecksum{148, 8};
constexpr std::size_t kType = 156;
constexpr Field kMagicField{257, 5};
constexpr Field kPrefix{345, 155};

std::string_view field(std::string_view block, Field where) {
  const std::string_view bytes = block.substr(where.at, where.length);
  return bytes.substr(0, std::min(bytes.find('\0'), bytes.size()));
}

/// Octal digits, perhaps between spaces.
std::optional<std::uint64_t> octal(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool all_zero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == '\0'; });
}

class TarReader {
 public:
  explicit TarReader(const ByteSource& source) : source_(source) {}

  Result<std::vector<TarMember>> read() {
    while (true) {
      const auto block = read_block();
      if (!block) return Failure(block.error());
      if (all_zero(*block)) break;
      if (auto taken = take(*block); !taken) return Failure(taken.error());
    }
    if (auto ended = check_end(); !ended) return Failure(ended.error());
    return std::move(members_);
  }

 private:
  Failure refuse(std::string_view code,
                 std::string_view found,
                 std::string_view required,
                 ErrorKind kind = ErrorKind::kMalformed) const {
    return io::refuse(kind, code, {.file = source_.name(), .byte = header_}, found, required);
  }

  Result<std::string> read_block() {
    header_ = at_;
    if (!io::fits(at_, kBlock, source_.size())) {
      return refuse("LG-TAR-CUT", "the archive ends here", "two empty blocks must end it (incomplete download?)");
    }
    at_ += kBlock;
    return io::read_range(source_, header_, kBlock);
  }

  Result<void> take(std::string_view block) {
    if (auto sound = check_header(block); !sound) return sound;
    const auto size = octal(field(block, kSize));
    if (!size) return refuse("LG-TAR-SIZE", "a size that is not octal", "octal digits are required");
    if (!io::fits(at_, *size, source_.size())) {
      return refuse("LG-TAR-CUT", "a member of " + std::to_string(*size) + " bytes", "the file must hold it (incomplete download?)");
    }
    const std::uint64_t data = at_;
    at_ += std::min((*size + kBlock - 1) / kBlock * kBlock, source_.size() - at_);
    if (block[kType] == 'x') return check_records(data, *size);
    return add({std::string(field(block, kName)), data, *size});
  }

  Result<void> check_header(std::string_view block) const {
    unsigned sum = 0;
    for (std::size_t i = 0; i < block.size(); ++i) {
      const bool inside_checksum = i >= kChecksum.at && i < kChecksum.at + kChecksum.length;
      sum += inside_checksum ? 0x20u : static_cast<unsigned char>(block[i]);
    }
    if (octal(field(block, kChecksum)) != sum) {
      return refuse("LG-TAR-CHECKSUM", "a header whose checksum differs", "the sum of its bytes is " + std::to_string(sum));
    }
    if (field(block, kMagicField) != "ustar" || !field(block, kPrefix).empty()) {
      return refuse("LG-TAR-HEADER", "a header of another kind of tar", "plain ustar headers are required", ErrorKind::kUnsupported);
    }
    const char type = block[kType];
    if (type == '0' || type == '\0' || type == 'x') return {};
    return refuse("LG-TAR-TYPE",
                  "a member of type " + io::quoted(std::string_view(&type, 1)),
                  "only regular files, no links, devices or folders",
                  ErrorKind::kUnsafe);
  }

  /// Times are all that torch's tar files carry here; a path or a size would tell readers different things.
  Result<void> check_records(std::uint64_t data, std::uint64_t size) const {
    if (size > kMaxRecords) return refuse("LG-TAR-PAX", "a pax header of " + std::to_string(size) + " bytes", "the limit is 4096", ErrorKind::kLimit);
    const auto text = io::read_range(source_, data, size);
    if (!text) return Failure(text.error());
    for (std::string_view rest = *text; !rest.empty();) {
      std::uint64_t length = 0;
      const auto [space, error] = std::from_chars(rest.data(), rest.data() + rest.size(), length);
      const auto digits = static_cast<std::size_t>(space - rest.data());
      if (error != std::errc{} || length <= digits || length > rest.size()) {
        return refuse("LG-TAR-PAX", "a malformed pax record", "\"length key=value\" is required");
      }
      const std::string_view record = rest.substr(digits, length - digits);
      const bool time = record.starts_with(" mtime=") || record.starts_with(" atime=") || record.starts_with(" ctime=");
      if (!time) {
        return refuse("LG-TAR-PAX", "a pax record" + io::quoted(record.substr(0, record.find('='))), "only times may be given", ErrorKind::kUnsafe);
      }
      rest.remove_prefix(length);
    }
    return {};
  }

  Result<void> add(TarMember member) {
    const bool twice = std::any_of(members_.begin(), members_.end(), [&](const TarMember& known) { return known.name == member.name; });
    if (twice) return refuse("LG-TAR-TWICE", "a second member " + io::quoted(member.name), "names must be unique");
    if (members_.size() == kMaxMembers) {
      return refuse("LG-TAR-MEMBERS", "more than " + std::to_string(kMaxMembers) + " members", "that is the limit", ErrorKind::kLimit);
    }
    members_.push_back(std::move(member));
    return {};
  }

  /// Something behind the end could be another archive.
  Result<void> check_end() {
    header_ = at_;
    const std::uint64_t left = source_.size() - at_;
    const auto padding = io::read_range(source_, at_, std::min(left, kMaxPadding));
    if (!padding) return Failure(padding.error());
    if (left <= kMaxPadding && left >= kBlock && all_zero(*padding)) return {};
    if (left < kBlock) return refuse("LG-TAR-CUT", "one empty block", "two must end the archive");
    return refuse("LG-TAR-TRAILING", std::to_string(left) + " bytes after the archive", "only zeros may pad it");
  }

  const ByteSource& source_;
  std::uint64_t at_ = 0;
  std::uint64_t header_ = 0;
  std::vector<TarMember> members_;
};

}  // namespace

Result<std::vector<TarMember>> read_tar_directory(const ByteSource& source) { return TarReader(source).read(); }

}  // namespace tenon::formats
