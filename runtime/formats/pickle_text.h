// The text forms of pickle's oldest protocol.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tenon::formats {

inline constexpr std::size_t kMaxGlobalName = 512;

/// A module or attribute name: 1 to 512 printable ASCII characters without space.
[[nodiscard]] bool is_global_name(std::string_view name);

/// The argument of STRING: a quoted Python 2 literal with escapes, as the bytes it stands for.
[[nodiscard]] std::optional<std::string> decode_string_literal(std::string_view literal);

/// The argument of UNICODE: Latin-1 with \uXXXX and \UXXXXXXXX, as UTF-8.
[[nodiscard]] std::optional<std::string> decode_raw_unicode(std::string_view text);

/// UTF-8 of a code point; surrogates and what lies beyond Unicode give nothing.
[[nodiscard]] std::optional<std::string> utf8(std::uint32_t code_point);

/// The number that hexadecimal digits spell.
[[nodiscard]] std::optional<std::uint32_t> parse_hex(std::string_view digits);

}  // namespace tenon::formats
