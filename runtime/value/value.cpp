#include <tenon/value.h>

#include <charconv>
#include <cmath>
#include <cstdio>

#include <simdjson.h>

namespace tenon {
namespace {

constexpr int kMaxListDepth = 64;

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          char escape[8];
          std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
          out += escape;
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void append_double(std::string& out, double number) {
  if (!std::isfinite(number)) {  // JSON has no spelling for it
    out += "null";
    return;
  }
  char digits[40];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  const std::string_view text(digits, static_cast<std::size_t>(end - digits));
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

void append_json(std::string& out, const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value.data)) {
    out += *flag ? "true" : "false";
  } else if (const auto* integer = std::get_if<std::int64_t>(&value.data)) {
    out += std::to_string(*integer);
  } else if (const auto* number = std::get_if<double>(&value.data)) {
    append_double(out, *number);
  } else if (const auto* text = value.as_string()) {
    append_json_string(out, *text);
  } else if (const auto* list = value.as_list()) {
    out += '[';
    for (std::size_t i = 0; i < list->size(); ++i) {
      if (i != 0) out += ", ";
      append_json(out, (*list)[i]);
    }
    out += ']';
  } else {
    out += "null";
  }
}

std::optional<Value> parse_number(std::string_view text) {
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  const bool starts_with_digit = !digits.empty() && digits[0] >= '0' && digits[0] <= '9';
  const bool leading_zero = digits.size() > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9';
  if (!starts_with_digit || leading_zero) return std::nullopt;
  const char* end = text.data() + text.size();
  std::int64_t integer = 0;
  if (const auto r = std::from_chars(text.data(), end, integer); r.ec == std::errc{} && r.ptr == end) {
    return Value(integer);
  }
  double number = 0;
  if (const auto r = std::from_chars(text.data(), end, number); r.ec == std::errc{} && r.ptr == end) {
    return Value(number);
  }
  return std::nullopt;
}

using Json = simdjson::ondemand::value;

std::optional<Value> from_json(Json json, int depth) {
  if (depth > kMaxListDepth) return std::nullopt;
  simdjson::ondemand::json_type type{};
  if (json.type().get(type)) return std::nullopt;
  switch (type) {
    case simdjson::ondemand::json_type::array: {
      simdjson::ondemand::array array;
      if (json.get_array().get(array)) return std::nullopt;
      Value::List list;
      for (auto element : array) {
        Json item;
        if (element.get(item)) return std::nullopt;
        auto value = from_json(item, depth + 1);
        if (!value) return std::nullopt;
        list.push_back(std::move(*value));
      }
      return Value(std::move(list));
    }
    case simdjson::ondemand::json_type::string: {
      std::string_view text;
      if (json.get_string().get(text)) return std::nullopt;
      return Value(text);
    }
    case simdjson::ondemand::json_type::boolean: {
      bool flag = false;
      if (json.get_bool().get(flag)) return std::nullopt;
      return Value(flag);
    }
    case simdjson::ondemand::json_type::null:
      if (!json.is_null()) return std::nullopt;
      return Value();
    case simdjson::ondemand::json_type::number: {
      std::string_view token = json.raw_json_token();
      while (!token.empty() && (token.back() == ' ' || (token.back() >= '\t' && token.back() <= '\r'))) {
        token.remove_suffix(1);
      }
      double checked = 0;  // consumes the token; the exact value is read from its text
      if (json.get_double().get(checked)) return std::nullopt;
      return parse_number(token);
    }
    case simdjson::ondemand::json_type::object:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Value> parse_list(std::string_view text) {
  const simdjson::padded_string padded(text);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  Json root;
  if (parser.iterate(padded).get(document) || document.get_value().get(root)) return std::nullopt;
  auto value = from_json(root, 0);
  const char* rest = nullptr;
  const bool at_end = document.current_location().get(rest) == simdjson::OUT_OF_BOUNDS;
  return at_end ? value : std::nullopt;
}

}  // namespace

std::optional<bool> Value::as_bool() const {
  if (const auto* flag = std::get_if<bool>(&data)) return *flag;
  return std::nullopt;
}

std::optional<std::int64_t> Value::as_int() const {
  if (const auto* integer = std::get_if<std::int64_t>(&data)) return *integer;
  constexpr double kTwoTo63 = 9223372036854775808.0;
  if (const auto* number = std::get_if<double>(&data)) {
    if (*number == std::floor(*number) && *number >= -kTwoTo63 && *number < kTwoTo63) {
      return static_cast<std::int64_t>(*number);
    }
  }
  return std::nullopt;
}

std::optional<double> Value::as_double() const {
  if (const auto* number = std::get_if<double>(&data)) return *number;
  if (const auto* integer = std::get_if<std::int64_t>(&data)) return static_cast<double>(*integer);
  return std::nullopt;
}

const std::string* Value::as_string() const { return std::get_if<std::string>(&data); }

const Value::List* Value::as_list() const { return std::get_if<List>(&data); }

bool Value::operator==(const Value& other) const {
  const bool mixed = data.index() != other.data.index();
  if (!mixed) return data == other.data;
  const auto mine = as_double();
  const auto theirs = other.as_double();
  if (!mine || !theirs) return false;
  // Two integers never come here, so an exact integer on one side decides without rounding.
  const auto a = as_int();
  const auto b = other.as_int();
  return a && b && *a == *b;
}

std::string to_string(const Value& value) {
  std::string out;
  append_json(out, value);
  return out;
}

Value parse_value(std::string_view text) {
  if (text == "null") return {};
  if (text == "true") return true;
  if (text == "false") return false;
  if (auto number = parse_number(text)) return *number;
  if (text.starts_with('[')) {
    if (auto list = parse_list(text)) return *list;
  }
  return text;
}

}  // namespace tenon
