#include "runtime/formats/json_check.h"

#include <simdjson.h>

namespace tenon::formats {
namespace {

constexpr std::string_view kOneValue = "one JSON value is required";

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// A cursor over the text that stops at the first fault.
class Checker {
 public:
  Checker(std::string_view text, std::uint64_t max_depth) : text_(text), max_depth_(max_depth) {}

  std::optional<JsonFault> run() {
    skip_space();
    bool more = value();
    while (more && !open_.empty()) more = open_.back() == '{' ? member() : element();
    if (!more) return fault_;
    skip_space();
    if (at_end()) return std::nullopt;
    stop("TRAILING-JSON", shown() + " after the JSON value", "nothing may follow it");
    return fault_;
  }

 private:
  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return text_[at_]; }

  void skip_space() {
    while (!at_end() && is_space(peek())) ++at_;
  }

  std::string shown() const { return peek() == '\0' ? "NUL" : io::quoted(text_.substr(at_, 1)); }

  bool stop(std::string_view word, std::string found, std::string_view required, bool limit = false) {
    fault_ = JsonFault{at_, word, std::move(found), required, limit};
    return false;
  }

  bool ends() {
    const std::string_view inside = open_.empty() ? "" : open_.back() == '{' ? " inside an object" : " inside an array";
    return stop("JSON-END", "the JSON ends" + std::string(inside), kOneValue);
  }

  bool value() {
    if (at_end()) return ends();
    const char c = peek();
    if (c == '{' || c == '[') return open(c);
    if (c == '"') return string();
    if (c == '-' || is_digit(c)) return number();
    if (c == 't') return literal("true");
    if (c == 'f') return literal("false");
    if (c == 'n') return literal("null");
    if (c == '+' || c == '.' || c == 'N' || c == 'I') {
      return stop("NUMBER", shown() + " begins no JSON number", "numbers are digits, without sign or prefix");
    }
    return stop("JSON", shown() + " begins no JSON value", kOneValue);
  }

  bool open(char bracket) {
    // The reference reader refuses the 128th level, so a depth of 128 is one too many.
    if (open_.size() + 1 >= max_depth_) {
      return stop("DEPTH",
                  "nesting over " + std::to_string(max_depth_ - 1),
                  "the limit keeps every reader's stack small",
                  true);
    }
    ++at_;
    skip_space();
    if (at_end()) {
      open_ += bracket;
      return ends();
    }
    if (peek() == (bracket == '{' ? '}' : ']')) {
      ++at_;
      return true;
    }
    open_ += bracket;
    return bracket == '{' ? key_and_value() : value();
  }

  bool key_and_value() {
    if (at_end()) return ends();
    if (peek() != '"') return stop("KEY", shown() + " begins a key", "a key must be a string");
    if (!string()) return false;
    skip_space();
    if (at_end()) return ends();
    if (peek() != ':') return stop("JSON", shown() + " after a key", "a colon is required");
    ++at_;
    skip_space();
    return value();
  }

  /// After a value inside an object: a comma and the next member, or the end of the object.
  bool member() {
    if (!separator('}')) return false;
    return closed_ ? true : key_and_value();
  }

  bool element() {
    if (!separator(']')) return false;
    return closed_ ? true : value();
  }

  bool separator(char closing) {
    skip_space();
    if (at_end()) return ends();
    closed_ = peek() == closing;
    if (closed_) {
      ++at_;
      open_.pop_back();
      return true;
    }
    if (peek() != ',') return stop("JSON", shown() + " after a value", "a comma or the closing bracket is required");
    const std::size_t comma = at_++;
    skip_space();
    if (!at_end() && peek() == closing) {
      at_ = comma;
      return stop("COMMA", "trailing comma", "a comma must be followed by another item");
    }
    return true;
  }

  bool string() {
    ++at_;
    while (!at_end()) {
      const char c = peek();
      if (c == '"') {
        ++at_;
        return true;
      }
      if (static_cast<unsigned char>(c) < 0x20) {
        return stop("CONTROL", "control character " + shown() + " in a string", "it must be written as an escape");
      }
      if (c == '\\' ? !escape_sequence() : (++at_, false)) return false;
    }
    return ends();
  }

  bool escape_sequence() {
    const std::size_t begin = at_++;
    if (at_end()) return ends();
    const char c = peek();
    if (std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos) {
      ++at_;
      return true;
    }
    if (c != 'u') return stop("ESCAPE", "\\" + shown() + " is no escape", "only those of RFC 8259 are allowed");
    const auto unit = hex_unit();
    if (!unit) return false;
    if (*unit < 0xD800 || *unit > 0xDFFF) return true;
    const bool high = *unit < 0xDC00;
    if (high && text_.substr(at_, 2) == "\\u") {
      ++at_;
      const auto low = hex_unit();
      if (!low) return false;
      if (*low >= 0xDC00 && *low <= 0xDFFF) return true;
    }
    at_ = begin;
    return stop("SURROGATE", "lone surrogate " + io::quoted(text_.substr(begin, 6)), "surrogates come in pairs");
  }

  /// Four hex digits after the `u` that the cursor stands on.
  std::optional<unsigned> hex_unit() {
    ++at_;
    unsigned unit = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      if (at_end()) {
        ends();
        return std::nullopt;
      }
      const char c = peek();
      const std::size_t digit = std::string_view("0123456789abcdef").find(static_cast<char>(c | (c >= 'A' ? 0x20 : 0)));
      if (digit == std::string_view::npos) {
        stop("ESCAPE", shown() + " in a \\u escape", "four hexadecimal digits are required");
        return std::nullopt;
      }
      unit = unit * 16 + static_cast<unsigned>(digit);
    }
    return unit;
  }

  bool digits() {
    if (at_end()) return ends();
    if (!is_digit(peek())) return stop("NUMBER", shown() + " in a number", "a digit is required");
    while (!at_end() && is_digit(peek())) ++at_;
    return true;
  }

  bool number() {
    if (peek() == '-') ++at_;
    const std::size_t first = at_;
    if (!digits()) return false;
    if (text_[first] == '0' && at_ - first > 1) {
      at_ = first;
      return stop("NUMBER", "leading zero in a number", "numbers are written without leading zeros");
    }
    if (!at_end() && peek() == '.') {
      ++at_;
      if (!digits()) return false;
    }
    if (!at_end() && (peek() == 'e' || peek() == 'E')) {
      ++at_;
      if (!at_end() && (peek() == '+' || peek() == '-')) ++at_;
      if (!digits()) return false;
    }
    if (at_end() || is_space(peek()) || peek() == ',' || peek() == ']' || peek() == '}') return true;
    if (open_.empty()) return true;  // what follows the only value is reported as such
    return stop("NUMBER", shown() + " in a number", "numbers are decimal digits");
  }

  bool literal(std::string_view word) {
    for (const char expected : word) {
      if (at_end()) return ends();
      if (peek() != expected) return stop("JSON", shown() + " in a literal", "true, false or null is required");
      ++at_;
    }
    return true;
  }

  std::string_view text_;
  std::uint64_t max_depth_;
  std::size_t at_ = 0;
  std::string open_;  // the brackets that are open
  bool closed_ = false;
  std::optional<JsonFault> fault_;
};

}  // namespace

std::optional<JsonFault> find_json_fault(std::string_view text, std::uint64_t max_depth) {
  if (!simdjson::validate_utf8(text.data(), text.size())) {
    if (const auto byte = io::find_invalid_utf8(text)) {
      return JsonFault{*byte, "UTF8", "invalid UTF-8", "JSON must be UTF-8", false};
    }
  }
  if (text.starts_with("\xef\xbb\xbf")) {
    return JsonFault{0, "BOM", "byte-order mark", "JSON must begin with its value", false};
  }
  return Checker(text, max_depth).run();
}

Failure json_failure(const JsonFault& fault, std::string_view prefix, std::string_view file, std::uint64_t base) {
  return io::refuse(fault.limit ? ErrorKind::kLimit : ErrorKind::kMalformed,
                    std::string(prefix) + "-" + std::string(fault.word),
                    {.file = file, .byte = base + fault.byte},
                    fault.found,
                    fault.required);
}

}  // namespace tenon::formats
