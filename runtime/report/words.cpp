#include "runtime/report/words.h"

#include <array>
#include <fmt/format.h>

#include "runtime/io/text.h"

namespace tenon::report {
namespace {

constexpr std::size_t kShownBytes = 4096;

struct Unit {
  double size;
  std::string_view name;
};

/// "94.1 M"; empty below the smallest unit.
std::string scaled(std::uint64_t number, const std::array<Unit, 4>& units) {
  for (const Unit& unit : units) {
    if (static_cast<double>(number) >= unit.size) {
      return fmt::format("{:.1f} {}", static_cast<double>(number) / unit.size, unit.name);
    }
  }
  return {};
}

std::string_view escape_code(Color color) {
  switch (color) {
    case Color::kRed:
      return "\x1b[31m";
    case Color::kYellow:
      return "\x1b[33m";
    case Color::kGreen:
      return "\x1b[32m";
    case Color::kCyan:
      return "\x1b[36m";
    case Color::kDim:
      return "\x1b[2m";
    case Color::kBold:
      return "\x1b[1m";
  }
  return "";
}

}  // namespace

std::string Paint::operator()(Color color, std::string_view text) const {
  return on_ ? fmt::format("{}{}\x1b[0m", escape_code(color), text) : std::string(text);
}

std::string Paint::operator()(Severity severity) const {
  const Color color = severity == Severity::kError     ? Color::kRed
                      : severity == Severity::kWarning ? Color::kYellow
                                                       : Color::kDim;
  return (*this)(color, to_string(severity));
}

std::string Paint::operator()(Verdict verdict) const {
  const Color color = verdict == Verdict::kRefused    ? Color::kRed
                      : verdict == Verdict::kAccepted ? Color::kGreen
                                                      : Color::kYellow;
  return (*this)(color, to_string(verdict));
}

std::string shown(std::string_view text) { return io::escape(text, kShownBytes); }

std::string sentence(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", byte);
    }
  }
  return out;
}

std::string shown(const TensorType& type) {
  return fmt::format("{} {}", dtype_name(type.dtype), to_string(type.shape));
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string short_number(std::uint64_t number) {
  const std::string text = scaled(number, {{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}}});
  return text.empty() ? std::to_string(number) : text;
}

std::string short_bytes(std::uint64_t bytes) {
  const std::string text = scaled(bytes, {{{1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}}});
  return text.empty() ? counted(bytes, "byte") : text;
}

std::string model_name(std::string_view family, std::string_view variant, std::string_view layout) {
  if (family.empty()) return "unknown";
  std::string name = shown(family);
  if (!variant.empty()) name += fmt::format("/{}", shown(variant));
  if (!layout.empty()) name += fmt::format(" ({})", shown(layout));
  return name;
}

std::string shown(const Counts& counts) {
  std::string line =
      fmt::format("{} of {} matched", counts.matched, counted(counts.expected, "model tensor"));
  const auto add = [&](std::uint64_t count, std::string_view what) {
    if (count != 0) line += fmt::format(", {} {}", count, what);
  };
  add(counts.derived, "computed by the model");
  add(counts.missing, "missing");
  add(counts.mismatched, "different");
  line += fmt::format("; {} of the file", counted(counts.found, "tensor"));
  add(counts.unexpected, "unexpected");
  add(counts.ignored, "ignored");
  add(counts.waived, "waived");
  return line;
}

std::string subject_of(std::string_view path, const LoadReport& report) {
  std::string line = shown(path) + ": ";
  if (!report.part.empty() && report.part != "model") line += shown(report.part) + ": ";
  return line + model_name(report.family, report.variant, report.layout) +
         fmt::format(", policy {}", shown(report.policy));
}

std::string shown(const Provenance& tensor) {
  std::string from;
  for (const std::string& name : tensor.from) from += (from.empty() ? "" : ", ") + shown(name);
  std::string ops;
  for (const std::string& op : tensor.ops) ops += (ops.empty() ? "" : ", ") + shown(op);
  std::string line = fmt::format("{} = {}", shown(tensor.target),
                                 from.empty() ? std::string(to_string(tensor.origin)) : from);
  if (!ops.empty()) line += " [" + ops + "]";
  line += ", " + shown(tensor.type);
  if (!tensor.rule.empty()) line += ", " + sentence(tensor.rule);
  return line;
}

}  // namespace tenon::report
