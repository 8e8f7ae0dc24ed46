// Untrusted text made fit for one line, and the one form that every message has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tenon/error.h>

namespace tenon::io {

/// ASCII, one line: `\xNN` for bytes that are not UTF-8 or control characters, `\u{...}` for other code points,
/// `\"` and `\\`. At most `limit` bytes; what does not fit is cut and marked with "...".
[[nodiscard]] std::string escape(std::string_view text, std::size_t limit = 64);
/// escape() in double quotes.
[[nodiscard]] std::string quoted(std::string_view text, std::size_t limit = 64);

/// Length of the valid UTF-8 sequence that `text` begins with; 0 when it begins with none (overlong and surrogates included).
[[nodiscard]] std::size_t utf8_sequence(std::string_view text);
/// Offset of the first byte that is not part of valid UTF-8.
[[nodiscard]] std::optional<std::size_t> find_invalid_utf8(std::string_view text);

/// Where in a file something was found.
struct Place {
  std::string_view file = {};
  std::string_view member = {};  // "data.pkl", "shard ...": empty for none
  std::optional<std::string_view> tensor = {};
  std::optional<std::uint64_t> byte = {};
};

/// At most 512 bytes: what is longer ends in "...".
[[nodiscard]] std::string short_message(std::string text);

/// `<file>[: <member>][: tensor "<name>"][: at byte <n>]: <found>; <required> [<code>]`, at most 512 bytes.
[[nodiscard]] std::string message_line(const Place& place,
                                       std::string_view found,
                                       std::string_view required,
                                       std::string_view code);

/// fail() with a message_line.
[[nodiscard]] Failure refuse(ErrorKind kind,
                             std::string_view code,
                             const Place& place,
                             std::string_view found,
                             std::string_view required,
                             std::string remedy = {});

}  // namespace tenon::io
