#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "runtime/report/fold.h"
#include "runtime/report/text.h"
#include "runtime/report/words.h"

namespace tenon::report {
namespace {

// Together at most a screen of 24 lines, whatever was found.
constexpr std::size_t kCauses = 3;
constexpr std::size_t kLinesOfRoot = 3;
constexpr std::size_t kLinesPerCause = 1;
constexpr std::size_t kOtherLines = 10;
constexpr std::size_t kOtherLinesBesideCauses = 3;

/// Findings that one line can tell: the same kind, decision and reason.
using Group = std::vector<const Finding*>;

/// The name that a finding is about; empty where it is about none.
const std::string& subject(const Finding& finding) {
  return finding.target.empty() ? finding.source : finding.target;
}

bool is_about_tensors(const Finding& finding) {
  switch (finding.kind) {
    case FindingKind::kMissing:
    case FindingKind::kUnexpected:
    case FindingKind::kShape:
    case FindingKind::kDtype:
      return !subject(finding).empty();
    default:
      return false;
  }
}

std::string group_key(const Finding& finding) {
  return fmt::format("{}|{}|{}|{}|{}", static_cast<int>(finding.severity), finding.id,
                     static_cast<int>(finding.action), finding.rule,
                     is_about_tensors(finding) ? std::string() : finding.message);
}

std::vector<Group> grouped(const std::vector<const Finding*>& findings) {
  std::map<std::string, std::size_t> at;
  std::vector<Group> groups;
  for (const Finding* finding : findings) {
    const auto [place, is_new] = at.try_emplace(group_key(*finding), groups.size());
    if (is_new) groups.emplace_back();
    groups[place->second].push_back(finding);
  }
  return groups;
}

/// "F32 [10, 192]" where all agree, else empty.
std::string common_type(const Group& group, std::optional<TensorType> Finding::*side) {
  const std::optional<TensorType>& first = group[0]->*side;
  if (!first) return {};
  const bool agree =
      std::all_of(group.begin(), group.end(), [&](const Finding* f) { return f->*side == first; });
  return agree ? shown(*first) : std::string();
}

std::string types(const Group& group) {
  const std::string expected = common_type(group, &Finding::expected);
  const std::string found = common_type(group, &Finding::found);
  if (!expected.empty() && !found.empty())
    return fmt::format(": {} in the file, {} in the model", found, expected);
  if (!expected.empty() || !found.empty()) return ": " + expected + found;
  return {};
}

std::string decision(const Finding& finding) {
  std::string text;
  switch (finding.action) {
    case Action::kDrop:
      text = "dropped";
      break;
    case Action::kFill:
      text = "filled";
      break;
    case Action::kResize:
      text = "resized";
      break;
    case Action::kInflate:
      text = "channels adapted";
      break;
    case Action::kCast:
      text = "cast";
      break;
    case Action::kDerive:
      text = "computed by the model";
      break;
    case Action::kRefuse:
    case Action::kKeep:
      return {};
  }
  return finding.rule.empty() ? ", " + text
                              : fmt::format(", {} by {}", text, sentence(finding.rule));
}

std::string suggestion(const Group& group) {
  std::vector<std::string> names;
  for (const Finding* finding : group) {
    if (finding->did_you_mean.empty()) return {};
    names.push_back(finding->did_you_mean);
  }
  const std::vector<Folded> folded = fold(names);
  return folded.size() == 1 ? fmt::format("; did you mean {}?", shown(folded[0].pattern))
                            : std::string();
}

/// One line for every folded name of a group, or the message where there is no name to fold.
std::vector<std::string> lines_of(const Group& group, const Paint& paint) {
  const Finding& first = *group[0];
  const std::string head = paint(first.severity) + " " + std::string(to_string(first.kind));
  if (!is_about_tensors(first)) return {fmt::format("{}: {}", head, sentence(first.message))};
  std::vector<std::string> names;
  for (const Finding* finding : group) names.push_back(subject(*finding));
  std::vector<std::string> lines;
  for (const Folded& folded : fold(names)) {
    Group members;
    for (const std::size_t index : folded.names) members.push_back(group[index]);
    lines.push_back(fmt::format("{} {} ({}){}{}{}", head, shown(folded.pattern), members.size(),
                                types(members), decision(first), suggestion(members)));
  }
  return lines;
}

std::vector<std::string> all_lines(const std::vector<const Finding*>& findings,
                                   const Paint& paint) {
  std::vector<std::string> lines;
  for (const Group& group : grouped(findings)) {
    for (std::string& line : lines_of(group, paint)) lines.push_back(std::move(line));
  }
  return lines;
}

void append_lines(std::string& out, const std::vector<const Finding*>& findings, std::size_t limit,
                  std::string_view indent, const TextOptions& options) {
  const std::vector<std::string> lines = all_lines(findings, Paint(options.color));
  const std::size_t count = options.verbose ? lines.size() : std::min(lines.size(), limit);
  for (std::size_t i = 0; i < count; ++i) out += fmt::format("{}{}\n", indent, lines[i]);
  if (count < lines.size())
    out += fmt::format("{}... and {} (-v)\n", indent, counted(lines.size() - count, "more line"));
}

std::string head_line(std::string_view path, const LoadReport& report, const Paint& paint) {
  return fmt::format("{}: {}", paint(report.verdict), subject_of(path, report));
}

void append_diagnoses(std::string& out, const LoadReport& report, const TextOptions& options) {
  const Paint paint(options.color);
  const std::size_t count = options.verbose ? report.diagnosis.size() : std::min(report.diagnosis.size(), kCauses);
  for (std::size_t i = 0; i < count; ++i) {
    const Diagnosis& diagnosis = report.diagnosis[i];
    out += fmt::format("  {}: {} [{}]\n", paint(Color::kBold, "cause"), sentence(diagnosis.cause),
                       diagnosis.id);
    if (!diagnosis.remedy.empty())
      out += fmt::format("  {}: {}\n", paint(Color::kCyan, "do"), sentence(diagnosis.remedy));
    std::vector<const Finding*> explained;
    for (const std::size_t index : diagnosis.explains)
      explained.push_back(&report.findings.at(index));
    append_lines(out, explained, i == 0 ? kLinesOfRoot : kLinesPerCause, "    ", options);
  }
  if (count < report.diagnosis.size())
    out += fmt::format("  ... and {} (-v)\n", counted(report.diagnosis.size() - count, "more cause"));
}

std::vector<const Finding*> unexplained(const LoadReport& report, bool with_notes) {
  std::vector<bool> explained(report.findings.size(), false);
  for (const Diagnosis& diagnosis : report.diagnosis) {
    for (const std::size_t index : diagnosis.explains) explained.at(index) = true;
  }
  std::vector<const Finding*> rest;
  for (std::size_t i = 0; i < report.findings.size(); ++i) {
    if (explained[i]) continue;
    if (report.findings[i].severity == Severity::kNote && !with_notes) continue;
    rest.push_back(&report.findings[i]);
  }
  return rest;
}

bool is_unchanged(const Provenance& tensor) {
  return tensor.ops.size() == 1 && tensor.ops[0] == "rename" && tensor.from.size() == 1 && tensor.from[0] == tensor.target;
}

/// How many tensors went through which operations: "152 rename, 12 concat(0)"; under the name that they had: "unchanged".
std::string operations_line(const LoadReport& report) {
  std::map<std::string, std::uint64_t> counts;
  for (const Provenance& tensor : report.tensors) {
    if (tensor.origin != Origin::kFile) {
      ++counts[std::string(to_string(tensor.origin))];
      continue;
    }
    if (is_unchanged(tensor)) {
      ++counts["unchanged"];
      continue;
    }
    for (const std::string& op : tensor.ops) ++counts[op];
  }
  std::string line;
  for (const auto& [op, count] : counts)
    line += fmt::format("{}{} {}", line.empty() ? "" : ", ", count, shown(op));
  return line;
}

void append_provenance(std::string& out, const LoadReport& report) {
  for (const Provenance& tensor : report.tensors) out += fmt::format("  {}\n", shown(tensor));
}

void append_load(std::string& out, const LoadReport& report) {
  if (report.timings) {
    const Timings& t = *report.timings;
    out += fmt::format(
        "  seconds: open {:.3f}, plan {:.3f}, read {:.3f}, bind {:.3f}, total {:.3f}; audit "
        "{:.3f}\n",
        t.open_s, t.plan_s, t.read_s, t.bind_s, t.total_s, t.audit_s);
  }
  if (report.audit) {
    const Audit& a = *report.audit;
    out += fmt::format("  audit: {}, {} without origin, {} NaN, {} Inf, {} all zero\n",
                       counted(a.tensors, "tensor"), a.without_origin, a.nan, a.inf, a.all_zero);
  }
}

}  // namespace

std::string to_text(std::string_view verb, const Outcome& outcome, const TextOptions& options) {
  const LoadReport* report = outcome.report ? &*outcome.report : nullptr;
  if (report == nullptr && outcome.error) report = outcome.error->report.get();
  std::string out;
  if (report != nullptr) {
    const Paint paint(options.color);
    out += head_line(outcome.path, *report, paint) + "\n";
    append_diagnoses(out, *report, options);
    append_lines(out, unexplained(*report, options.verbose),
                 report->diagnosis.empty() ? kOtherLines : kOtherLinesBesideCauses, "  ", options);
    out += "  " + shown(report->counts) + "\n";
    const std::string operations = operations_line(*report);
    if (!operations.empty()) out += "  " + operations + "\n";
    if (report->verdict != Verdict::kRefused && verb == "check") {
      out += fmt::format("  memory to load: host {}, device {}\n",
                         short_bytes(report->memory.host_peak_bytes),
                         short_bytes(report->memory.device_bytes));
    }
    if (verb != "check") append_load(out, *report);
    if (options.verbose) append_provenance(out, *report);
  }
  const bool verdict_says_it =
      report != nullptr && outcome.error &&
      (outcome.error->kind == ErrorKind::kRefused || outcome.error->kind == ErrorKind::kIdentity);
  if (outcome.error && !verdict_says_it) out += to_text(*outcome.error, options);
  return out;
}

}  // namespace tenon::report
