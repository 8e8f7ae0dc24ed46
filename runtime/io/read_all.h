// Small files as text: configs, policies, indexes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tenon/byte_source.h>

namespace tenon::io {

/// `length` bytes from `offset`; the caller has checked `length` against a limit.
[[nodiscard]] Result<std::string> read_range(const ByteSource& source, std::uint64_t offset, std::uint64_t length);

/// The whole source, refused with `code` (kLimit) when it is over `limit` bytes. Says kChanged when it changed meanwhile.
[[nodiscard]] Result<std::string> read_all(const ByteSource& source, std::uint64_t limit, std::string_view code);

/// open_file and read_all; over the limit is IO-LIMIT.
[[nodiscard]] Result<std::string> read_text_file(const std::string& path, std::uint64_t limit);

}  // namespace tenon::io
