#include "runtime/diagnose/words.h"

#include <algorithm>
#include <fmt/format.h>

#include "runtime/io/natural_order.h"
#include "runtime/io/text.h"

namespace tenon {
namespace {

constexpr std::size_t kNameBytes = 80;
constexpr std::size_t kNamesShown = 3;

bool is_plain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/._-+=:,@%").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::vector<std::size_t> refusing(const Case& subject,
                                  const std::function<bool(const Finding&)>& holds) {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < subject.findings.size(); ++i) {
    const Finding& finding = subject.findings[i];
    if (finding.severity >= subject.fail_at && holds(finding)) chosen.push_back(i);
  }
  return chosen;
}

bool has_id(const Finding& finding, std::string_view id) { return finding.id == id; }

bool is_about_a_tensor(const Finding& finding) {
  switch (finding.kind) {
    case FindingKind::kMissing:
    case FindingKind::kUnexpected:
    case FindingKind::kShape:
    case FindingKind::kDtype:
    case FindingKind::kDuplicate:
      return true;
    default:
      return false;
  }
}

std::string family_and_variant(std::string_view family, std::string_view variant) {
  return variant.empty() ? io::escape(family)
                         : fmt::format("{}/{}", io::escape(family), io::escape(variant));
}

std::string what_it_is(const Part& part) {
  if (part.family.empty()) return "nothing that tenon knows";
  std::string details;
  const auto add = [&](std::string text) {
    details += (details.empty() ? "" : ", ") + std::move(text);
  };
  if (!part.layout.empty()) add(io::escape(part.layout) + " names");
  if (!part.base.empty()) add("for " + io::escape(part.base));
  if (!part.prefix.empty()) add("under " + io::quoted(part.prefix));
  const std::string name = family_and_variant(part.family, part.variant);
  return details.empty() ? name : fmt::format("{} ({})", name, details);
}

std::string what_it_is(const Identity& identity) {
  std::vector<std::string> parts;
  for (const Part& part : identity.parts) {
    if (!part.family.empty()) parts.push_back(what_it_is(part));
  }
  std::sort(parts.begin(), parts.end());
  if (parts.empty()) return "nothing that tenon knows";
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : " and ") + part;
  return text;
}

std::string shell_quoted(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string command(const Case& subject, std::string_view verb, std::string_view rest) {
  std::string argument = subject.checkpoint.path;
  const bool has_control_bytes =
      std::any_of(argument.begin(), argument.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20; }) ||
      io::find_invalid_utf8(argument).has_value();
  if (has_control_bytes) argument = "CKPT";
  if (subject.part != nullptr && subject.identity.parts.size() > 1)
    argument += "::" + subject.part->part;
  return fmt::format("tenon {} {}{}{}", verb, shell_quoted(argument), rest.empty() ? "" : " ",
                     rest);
}

std::string shown_name(std::string_view name) { return io::quoted(name, kNameBytes); }

std::string cut(std::string_view sentence, std::size_t limit) {
  if (sentence.size() <= limit) return std::string(sentence);
  return std::string(sentence.substr(0, limit - 3)) + "...";
}

std::string some_names(const std::vector<std::string>& names) {
  std::vector<std::string> sorted = names;
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return natural_less(a, b); });
  std::string text;
  for (std::size_t i = 0; i < sorted.size() && i < kNamesShown; ++i) {
    text += (i == 0 ? "" : ", ") + shown_name(sorted[i]);
  }
  if (sorted.size() > kNamesShown) text += fmt::format(" and {} more", sorted.size() - kNamesShown);
  return text;
}

std::string tensors(std::size_t count) {
  return fmt::format("{} tensor{}", count, count == 1 ? "" : "s");
}

}  // namespace tenon
