#include "runtime/io/read_all.h"

#include <span>

#include "runtime/io/text.h"

namespace tenon::io {

Result<std::string> read_range(const ByteSource& source, std::uint64_t offset, std::uint64_t length) {
  std::string text(static_cast<std::size_t>(length), '\0');
  const auto read = source.read(offset, std::as_writable_bytes(std::span(text.data(), text.size())));
  if (!read) return Failure(read.error());
  return text;
}

Result<std::string> read_all(const ByteSource& source, std::uint64_t limit, std::string_view code) {
  if (source.size() > limit) {
    return refuse(ErrorKind::kLimit,
                  code,
                  {.file = source.name()},
                  std::to_string(source.size()) + " bytes",
                  "the limit is " + std::to_string(limit));
  }
  auto text = read_range(source, 0, source.size());
  if (!text) return text;
  if (const auto same = source.unchanged(); !same) return Failure(same.error());
  return text;
}

Result<std::string> read_text_file(const std::string& path, std::uint64_t limit) {
  const auto source = tenon::open_file(path);
  if (!source) return Failure(source.error());
  return read_all(**source, limit, "IO-LIMIT");
}

}  // namespace tenon::io
