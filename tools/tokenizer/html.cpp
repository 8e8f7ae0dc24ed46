#include "tools/tokenizer/html.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include <unicode/utf8.h>

namespace tenon::tokenizer {
namespace {

constexpr std::size_t kLongestClosedName = 24;
constexpr std::uint32_t kReplacement = 0xfffd;

struct Reference {
  std::size_t length = 0;  // of what stands after the "&"
  std::string text;
};

std::string utf8(std::uint32_t code_point) {
  char bytes[U8_MAX_LENGTH];
  std::size_t length = 0;
  U8_APPEND_UNSAFE(bytes, length, code_point);
  return {bytes, length};
}

bool is_non_character(std::uint32_t n) {
  return (n >= 0x1 && n <= 0x8) || n == 0xb || (n >= 0xe && n <= 0x1f) || (n >= 0x7f && n <= 0x9f) ||
         (n >= 0xfdd0 && n <= 0xfdef) || (n & 0xfffe) == 0xfffe;
}

std::string numbered(std::uint32_t n) {
  constexpr std::uint16_t kWindows1252[32] = {
      0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d, 0x17d, 0x8f,
      0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e, 0x178};
  if (n >= 0x80 && n <= 0x9f) return utf8(kWindows1252[n - 0x80]);
  if (n == 0 || (n >= 0xd800 && n <= 0xdfff) || n > 0x10ffff) return utf8(kReplacement);
  return is_non_character(n) ? "" : utf8(n);
}

/// `rest` begins with "#".
std::optional<Reference> numeric(std::string_view rest) {
  const bool hexadecimal = rest.size() > 1 && (rest[1] == 'x' || rest[1] == 'X');
  const char* begin = rest.data() + (hexadecimal ? 2 : 1);
  const char* end = rest.data() + rest.size();
  std::uint32_t n = 0;
  const auto read = std::from_chars(begin, end, n, hexadecimal ? 16 : 10);
  if (read.ptr == begin) return std::nullopt;
  if (read.ec != std::errc()) n = UINT32_MAX;
  std::size_t length = static_cast<std::size_t>(read.ptr - rest.data());
  if (length < rest.size() && rest[length] == ';') ++length;
  return Reference{length, numbered(n)};
}

/// The longest name that `rest` begins with.
std::optional<Reference> named(std::string_view rest) {
  const auto entities = html_entities();
  const auto by_name = [](const HtmlEntity& entity, std::string_view name) { return entity.name < name; };
  constexpr std::size_t kLongestName = 32;
  for (std::size_t length = std::min(rest.size(), kLongestName); length > 1; --length) {
    const std::string_view name = rest.substr(0, length);
    const auto found = std::lower_bound(entities.begin(), entities.end(), name, by_name);
    if (found != entities.end() && found->name == name) return Reference{length, std::string(found->text)};
  }
  return std::nullopt;
}

bool is_closed(std::string_view reference) {
  return reference.ends_with(';') && reference.size() <= kLongestClosedName + 1;
}

}  // namespace

std::string unescape_html(std::string_view text, HtmlReferences which) {
  std::string result;
  std::size_t at = 0;
  for (std::size_t amp = text.find('&'); amp != std::string_view::npos; amp = text.find('&', at)) {
    result += text.substr(at, amp - at);
    const std::string_view rest = text.substr(amp + 1);
    const auto reference = rest.starts_with('#') ? numeric(rest) : named(rest);
    if (reference && (which == HtmlReferences::kAll || is_closed(rest.substr(0, reference->length)))) {
      result += reference->text;
      at = amp + 1 + reference->length;
    } else {
      result += '&';
      at = amp + 1;
    }
  }
  result += text.substr(at);
  return result;
}

}  // namespace tenon::tokenizer
