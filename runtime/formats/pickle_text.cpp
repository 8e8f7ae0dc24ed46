#include "runtime/formats/pickle_text.h"

#include <algorithm>
#include <charconv>

namespace tenon::formats {

bool is_global_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxGlobalName &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

std::optional<std::uint32_t> parse_hex(std::string_view digits) {
  std::uint32_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, value, 16);
  if (digits.empty() || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return value;
}

std::optional<std::string> utf8(std::uint32_t code) {
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return std::nullopt;
  const auto tail = [](std::uint32_t bits) { return static_cast<char>(0x80 | (bits & 0x3f)); };
  if (code < 0x80) return std::string{static_cast<char>(code)};
  if (code < 0x800) return std::string{static_cast<char>(0xc0 | (code >> 6)), tail(code)};
  if (code < 0x10000) return std::string{static_cast<char>(0xe0 | (code >> 12)), tail(code >> 6), tail(code)};
  return std::string{static_cast<char>(0xf0 | (code >> 18)), tail(code >> 12), tail(code >> 6), tail(code)};
}

std::optional<std::string> decode_string_literal(std::string_view literal) {
  if (literal.size() < 2 || literal.front() != literal.back()) return std::nullopt;
  if (literal.front() != '\'' && literal.front() != '"') return std::nullopt;
  literal = literal.substr(1, literal.size() - 2);
  constexpr std::string_view kNames = "\\'\"abfnrtv";
  constexpr std::string_view kValues = "\\'\"\a\b\f\n\r\t\v";
  std::string out;
  for (std::size_t i = 0; i < literal.size(); ++i) {
    if (literal[i] != '\\') {
      out += literal[i];
      continue;
    }
    if (++i == literal.size()) return std::nullopt;
    if (const auto known = kNames.find(literal[i]); known != std::string_view::npos) {
      out += kValues[known];
      continue;
    }
    const auto hex = literal[i] == 'x' && literal.size() - i > 2 ? parse_hex(literal.substr(i + 1, 2)) : std::nullopt;
    if (!hex) return std::nullopt;
    out += static_cast<char>(*hex);
    i += 2;
  }
  return out;
}

std::optional<std::string> decode_raw_unicode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::uint32_t code = static_cast<unsigned char>(text[i]);
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (code == '\\' && (next == 'u' || next == 'U')) {
      const std::size_t digits = next == 'u' ? 4 : 8;
      const auto hex = text.size() - i - 2 >= digits ? parse_hex(text.substr(i + 2, digits)) : std::nullopt;
      if (!hex) return std::nullopt;
      code = *hex;
      i += 1 + digits;
    }
    const auto encoded = utf8(code);
    if (!encoded) return std::nullopt;
    out += *encoded;
  }
  return out;
}

}  // namespace tenon::formats
