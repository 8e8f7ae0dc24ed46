#include "runtime/io/text.h"

#include "runtime/io/remedies.h"

#include <algorithm>
#include <cstdio>

namespace tenon::io {
namespace {

constexpr std::size_t kMaxMessage = 512;
constexpr std::size_t kMaxPath = 160;
constexpr std::size_t kMaxName = 128;
constexpr std::string_view kCut = "...";

unsigned byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

std::uint32_t code_point(std::string_view sequence) {
  const unsigned lead = byte_at(sequence, 0);
  if (sequence.size() == 1) return lead;
  std::uint32_t value = lead & (0x7Fu >> sequence.size());
  for (std::size_t i = 1; i < sequence.size(); ++i) value = (value << 6) | (byte_at(sequence, i) & 0x3Fu);
  return value;
}

std::string escape_one(std::string_view sequence, bool valid) {
  char out[16];
  const std::uint32_t code = valid ? code_point(sequence) : byte_at(sequence, 0);
  if (!valid || code < 0x20 || code == 0x7F) {
    std::snprintf(out, sizeof out, "\\x%02x", static_cast<unsigned>(code));
  } else if (code == '"' || code == '\\') {
    std::snprintf(out, sizeof out, "\\%c", static_cast<char>(code));
  } else if (code < 0x7F) {
    return std::string(sequence);
  } else {
    std::snprintf(out, sizeof out, "\\u{%x}", static_cast<unsigned>(code));
  }
  return out;
}

/// A long path keeps its end, which is the part that tells files apart.
std::string shown_path(std::string_view path) {
  const std::string whole = escape(path, path.size() * 10 + 1);
  if (whole.size() <= kMaxPath) return whole;
  std::size_t begin = path.size() > kMaxPath ? path.size() - kMaxPath : 0;
  for (; begin < path.size(); ++begin) {
    const bool inside_sequence = (byte_at(path, begin) & 0xC0u) == 0x80u;
    if (inside_sequence) continue;
    const std::string tail = escape(path.substr(begin), kMaxPath * 10);
    if (tail.size() + kCut.size() <= kMaxPath) return std::string(kCut) + tail;
  }
  return std::string(kCut);
}

}  // namespace

std::size_t utf8_sequence(std::string_view text) {
  if (text.empty()) return 0;
  const unsigned lead = byte_at(text, 0);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  if (lead >= 0xC2 && lead <= 0xDF) length = 2;
  if (lead >= 0xE0 && lead <= 0xEF) length = 3;
  if (lead >= 0xF0 && lead <= 0xF4) length = 4;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte_at(text, i) & 0xC0u) != 0x80u) return 0;
  }
  const unsigned second = byte_at(text, 1);
  const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool surrogate = lead == 0xED && second >= 0xA0;
  const bool beyond = lead == 0xF4 && second >= 0x90;
  return overlong || surrogate || beyond ? 0 : length;
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    if (byte_at(text, i) < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = utf8_sequence(text.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return std::nullopt;
}

std::string escape(std::string_view text, std::size_t limit) {
  std::string out;
  std::size_t cut_at = 0;  // the longest prefix that leaves room for the mark
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_sequence(text.substr(i));
    const std::string piece = escape_one(text.substr(i, std::max<std::size_t>(length, 1)), length != 0);
    if (out.size() + piece.size() > limit) {
      out.resize(cut_at);
      return out += kCut;
    }
    out += piece;
    if (out.size() + kCut.size() <= limit) cut_at = out.size();
    i += std::max<std::size_t>(length, 1);
  }
  return out;
}

std::string quoted(std::string_view text, std::size_t limit) { return '"' + escape(text, limit) + '"'; }

std::string short_message(std::string text) {
  if (text.size() > kMaxMessage) {
    text.resize(kMaxMessage - kCut.size());
    text += kCut;
  }
  return text;
}

std::string message_line(const Place& place,
                         std::string_view found,
                         std::string_view required,
                         std::string_view code) {
  std::string line = shown_path(place.file);
  if (!place.member.empty()) line += ": " + escape(place.member, kMaxName);
  if (place.tensor) line += ": tensor " + quoted(*place.tensor, kMaxName);
  if (place.byte) line += ": at byte " + std::to_string(*place.byte);
  line += ": ";
  line += found;
  if (!required.empty()) {
    line += "; ";
    line += required;
  }
  const std::string tail = " [" + std::string(code) + "]";
  const std::size_t room = kMaxMessage - std::min(kMaxMessage, tail.size());
  if (line.size() > room) {
    line.resize(room - kCut.size());
    line += kCut;
  }
  return line + tail;
}

Failure refuse(ErrorKind kind,
               std::string_view code,
               const Place& place,
               std::string_view found,
               std::string_view required,
               std::string remedy) {
  if (remedy.empty()) remedy = remedy_for(code, kind);
  return fail(kind, std::string(code), message_line(place, found, required, code), std::move(remedy));
}

}  // namespace tenon::io
