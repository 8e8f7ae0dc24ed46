#include <algorithm>
#include <cstdint>
#include <fmt/format.h>
#include <map>

#include "runtime/report/json_values.h"
#include "runtime/report/text.h"
#include "runtime/report/words.h"

namespace tenon::report {
namespace {

// What fits on one screen: the more parts, the less of each.
constexpr std::size_t kShortPartList = 4;
constexpr std::size_t kShorterList = 1;
constexpr std::size_t kMostParts = 4;

std::string dtypes(const Checkpoint& checkpoint) {
  std::map<std::string, std::uint64_t> counts;
  for (const TensorEntry& tensor : checkpoint.tensors) ++counts[std::string(listed_dtype(tensor))];
  std::string out;
  for (const auto& [name, count] : counts) {
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", shown(name), count);
  }
  return out;
}

std::string checkpoint_line(const Checkpoint& checkpoint, const Paint& paint) {
  std::string line = fmt::format("{}: {}, {}, {}", paint(Color::kBold, shown(checkpoint.path)),
                                 container_name(checkpoint.container),
                                 counted(checkpoint.tensors.size(), "tensor"),
                                 short_bytes(checkpoint.total_bytes()));
  if (checkpoint.files.size() > 1) line += ", " + counted(checkpoint.files.size(), "file");
  const std::string types = dtypes(checkpoint);
  if (!types.empty()) line += " (" + types + ")";
  return line + "\n";
}

/// `label: text` lines, at most `limit` of a list.
class Block {
 public:
  Block(std::string& out, const Paint& paint, std::size_t limit)
      : out_(out), paint_(paint), limit_(limit) {}

  void line(std::string_view label, std::string_view text) {
    out_ += fmt::format("    {}: {}\n", paint_(Color::kCyan, label), text);
  }
  void list(std::string_view label, const std::vector<std::string>& texts) {
    const std::size_t count = std::min(texts.size(), limit_);
    for (std::size_t i = 0; i < count; ++i) line(label, texts[i]);
    if (count < texts.size())
      line(label, fmt::format("... and {} more (-v)", texts.size() - count));
  }

 private:
  std::string& out_;
  const Paint& paint_;
  std::size_t limit_;
};

std::string choices(const Undecidable& undecidable) {
  std::string text;
  for (const Value& choice : undecidable.choices) {
    text += (text.empty() ? "" : ", ") + sentence(to_string(choice));
  }
  std::string line = shown(undecidable.what);
  if (!text.empty()) line += ": one of " + text;
  if (!undecidable.set_with.empty()) line += "; say it with " + sentence(undecidable.set_with);
  return line;
}

std::string config_line(const Config& config) {
  std::string line;
  for (const Config::Item& item : config.items()) {
    line += fmt::format("{}{}={}", line.empty() ? "" : " ", shown(item.key),
                        sentence(to_string(item.value)));
  }
  return line;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string line;
  for (const std::string& text : texts) line += (line.empty() ? "" : ", ") + shown(text);
  return line;
}

void append_part(std::string& out, const Part& part, std::size_t limit, const TextOptions& options) {
  const Paint paint(options.color);
  out += fmt::format("  {}: {}, {}, {} parameters", paint(Color::kBold, shown(part.part)),
                     model_name(part.family, part.variant, part.layout),
                     counted(part.tensors.size(), "tensor"), short_number(part.parameters));
  if (!part.prefix.empty()) out += ", prefix " + shown(part.prefix);
  if (!part.family.empty() && !part.buildable)
    out += ", " + paint(Color::kYellow, "recognised but not built");
  out += "\n";

  Block block(out, paint, limit);
  std::vector<std::string> evidence;
  for (const Evidence& entry : part.evidence) evidence.push_back(sentence(entry.text));
  std::vector<std::string> refused;
  for (const Evidence& entry : part.refused)
    refused.push_back(shown(entry.candidate) + ": " + sentence(entry.text));
  std::vector<std::string> undecided;
  for (const Undecidable& entry : part.undecidable) undecided.push_back(choices(entry));
  if (part.prefixes.size() > 1) block.line("prefixes", joined(part.prefixes));
  if (!part.base.empty()) block.line("belongs to", shown(part.base));
  if (!part.also.empty()) block.line("same weights as", joined(part.also));
  block.list("because", evidence);
  block.list("not", refused);
  if (!part.config.items().empty()) block.line("config", config_line(part.config));
  block.list("weights cannot tell", undecided);
  if (!part.nearest.empty()) block.line("nearest known", sentence(part.nearest));
  if (!part.declined.empty()) block.line("not built", sentence(part.declined));
  for (const Finding& finding : part.findings) {
    out += fmt::format("    {}: {}\n", paint(finding.severity), sentence(finding.message));
  }
}

void append_parts(std::string& out, const std::vector<Part>& parts, const TextOptions& options) {
  const std::size_t limit = options.verbose ? SIZE_MAX : parts.size() == 1 ? kShortPartList : kShorterList;
  const std::size_t count = options.verbose ? parts.size() : std::min(parts.size(), kMostParts);
  for (std::size_t i = 0; i < count; ++i) append_part(out, parts[i], limit, options);
  if (count < parts.size())
    out += fmt::format("  ... and {} (-v)\n", counted(parts.size() - count, "more part"));
}

}  // namespace

std::string to_text(const Inspection& inspection, const TextOptions& options) {
  if (inspection.error) return to_text(*inspection.error, options);
  const Paint paint(options.color);
  std::string out;
  if (inspection.checkpoint) out += checkpoint_line(*inspection.checkpoint, paint);
  for (const Diagnosis& diagnosis : inspection.diagnosis) {
    out += fmt::format("  {}: {} [{}]\n", paint(Color::kRed, "cause"), sentence(diagnosis.cause),
                       diagnosis.id);
    if (!diagnosis.remedy.empty())
      out += fmt::format("  {}: {}\n", paint(Color::kCyan, "do"), sentence(diagnosis.remedy));
  }
  if (!inspection.identity) return out;
  for (const Finding& finding : inspection.identity->findings) {
    out += fmt::format("  {}: {}\n", paint(finding.severity), sentence(finding.message));
  }
  append_parts(out, inspection.identity->parts, options);
  return out;
}

std::string summary_line(const Inspection& inspection, const TextOptions& options) {
  const Paint paint(options.color);
  const std::string path = shown(inspection.path);
  if (inspection.error)
    return fmt::format("{}: {}\n", path, paint(Color::kRed, inspection.error->code));
  std::string parts;
  if (inspection.identity) {
    for (const Part& part : inspection.identity->parts) {
      parts += fmt::format("{}{}: {}", parts.empty() ? "" : "; ", shown(part.part),
                           model_name(part.family, part.variant, part.layout));
      if (!part.family.empty() && !part.buildable) parts += ", not built";
    }
  }
  if (parts.empty()) parts = paint(Color::kRed, "unknown");
  return fmt::format("{}: {}\n", path, parts);
}

}  // namespace tenon::report
