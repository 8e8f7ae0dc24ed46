// Single tensors: absent, too many, under other names, of another kind.
#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>

#include "runtime/diagnose/words.h"
#include "runtime/io/shard_name.h"
#include "runtime/io/text.h"
#include "runtime/mapping/pattern.h"

namespace tenon {
namespace {

std::vector<std::string> names_of(const Case& subject, const std::vector<std::size_t>& indices) {
  std::vector<std::string> names;
  for (const std::size_t index : indices) {
    const Finding& finding = subject.findings[index];
    names.push_back(finding.target.empty() ? finding.source : finding.target);
  }
  return names;
}

std::string explain(std::string_view id) { return fmt::format("tenon explain {}", id); }

/// Hardly anything matches: the list of names would say nothing.
std::optional<Cause> under_half(const Case& subject) {
  auto explains = refusing(subject, [](const Finding& finding) {
    return has_id(finding, "TN-COVERAGE") || finding.kind == FindingKind::kMissing ||
           finding.kind == FindingKind::kUnexpected;
  });
  const bool guarded = std::any_of(explains.begin(), explains.end(), [&](std::size_t index) {
    return has_id(subject.findings[index], "TN-COVERAGE");
  });
  if (!guarded || subject.compared == nullptr || subject.part == nullptr) return std::nullopt;
  const bool asked_otherwise = !refusing(subject, [](const Finding& finding) {
                                  return has_id(finding, "TN-CONFIG-CONTRADICTS");
                                }).empty();
  if (asked_otherwise) return std::nullopt;  // another model was asked for than the file holds
  const Counts& counts = subject.compared->counts;
  if (counts.missing == 0 && counts.mismatched > 0) return std::nullopt;  // all there, in other sizes or kinds
  return Cause{
      fmt::format("the file has {} of the {} tensors that {} needs, under half of its elements",
                  counts.matched, counts.expected, what_it_is(*subject.part)),
      command(subject, "inspect"), std::move(explains)};
}

std::string first_segment(const std::string& name) {
  return std::string(split_segments(name).front());
}

/// One whole group of names is absent and the others are whole: one tower of two.
std::optional<Cause> group_absent(const Case& subject) {
  if (subject.expected == nullptr || subject.compared == nullptr) return std::nullopt;
  struct Group {
    std::size_t missing = 0;
    std::size_t total = 0;
  };
  std::map<std::string, Group> groups;
  for (std::size_t i = 0; i < subject.expected->tensors.size(); ++i) {
    Group& group = groups[first_segment(subject.expected->tensors[i].name)];
    ++group.total;
    if (subject.compared->expected[i].state == TensorState::kMissing) ++group.missing;
  }
  constexpr std::size_t kTower = 8;  // fewer are single tensors, not a part of the model
  std::set<std::string> absent;
  std::size_t whole = 0;
  for (const auto& [name, group] : groups) {
    if (group.missing == group.total && group.total >= kTower) absent.insert(name);
    if (group.missing == 0) ++whole;
  }
  if (absent.empty() || whole == 0) return std::nullopt;
  auto explains = refusing(subject, [&](const Finding& finding) {
    return finding.kind == FindingKind::kMissing &&
           absent.count(first_segment(finding.target)) != 0;
  });
  if (explains.empty()) return std::nullopt;
  std::vector<std::string> stems;
  for (const std::string& name : absent) stems.push_back(name + ".**");
  return Cause{
      fmt::format(
          "all {} of {} are absent and the rest is there: the file holds one part of the model",
          tensors(explains.size()), some_names(stems)),
      command(subject, "inspect"), std::move(explains)};
}

/// A missing tensor and an unexpected one of the same shape and nearly the same name.
std::optional<Cause> other_names(const Case& subject) {
  auto explains =
      refusing(subject, [](const Finding& finding) { return !finding.did_you_mean.empty(); });
  const auto first = std::find_if(explains.begin(), explains.end(), [&](std::size_t index) {
    return subject.findings[index].kind == FindingKind::kMissing;
  });
  if (first == explains.end()) return std::nullopt;
  const auto count = static_cast<std::size_t>(std::count_if(
      explains.begin(), explains.end(),
      [&](std::size_t index) { return subject.findings[index].kind == FindingKind::kMissing; }));
  const Finding& renamed = subject.findings[*first];
  std::string text =
      fmt::format("{} of the file is probably {} of the model under another name (same shape)",
                  shown_name(renamed.did_you_mean), shown_name(renamed.target));
  if (count > 1) text += fmt::format(", and so are {} more", count - 1);
  return Cause{std::move(text), explain("TN-D-RENAMED"), std::move(explains)};
}

/// What is missing lies in the other shards: the file's own name says that there are some.
std::optional<Cause> one_shard(const Case& subject) {
  if (subject.checkpoint.files.size() != 1) return std::nullopt;
  const std::string& path = subject.checkpoint.files[0].path;
  const auto shard = io::shard_of(std::string_view(path).substr(path.rfind('/') + 1));
  if (!shard) return std::nullopt;
  auto explains = refusing(subject, [](const Finding& finding) {
    return finding.kind == FindingKind::kMissing || has_id(finding, "TN-COVERAGE") || has_id(finding, "TN-CONFIG-IMPOSSIBLE") ||
           has_id(finding, "TN-PIECE");
  });
  if (explains.empty()) return std::nullopt;
  return Cause{fmt::format("by its name this file is shard {} of {}: what is missing lies in the others", shard->number, shard->count),
               "Give the .index.json beside it, or the folder, in place of this file.", std::move(explains)};
}

/// Weights in 8 bits whose scales have no place here, and whatever else is said about them.
std::optional<Cause> lost_scales(const Case& subject) {
  auto scales =
      refusing(subject, [](const Finding& finding) { return has_id(finding, "TN-SCALE"); });
  if (scales.empty()) return std::nullopt;
  std::string text =
      fmt::format("the weights are stored in 8 bits, {} beside them with no place in the model: {}",
                  tensors(scales.size()), some_names(names_of(subject, scales)));
  const auto packed = refusing(subject, [](const Finding& finding) {
    return finding.found && dtype_bits(finding.found->dtype) == 8 &&
           finding.kind != FindingKind::kUnexpected;
  });
  scales.insert(scales.end(), packed.begin(), packed.end());
  return Cause{std::move(text), explain("TN-D-SCALE"), std::move(scales)};
}

std::optional<Cause> absent_tensors(const Case& subject) {
  auto explains = refusing(
      subject, [](const Finding& finding) { return finding.kind == FindingKind::kMissing; });
  if (explains.empty() || subject.compared == nullptr) return std::nullopt;
  return Cause{fmt::format("the file lacks {} that the model needs: {}", tensors(explains.size()), some_names(names_of(subject, explains))),
               explain("TN-D-MISSING"), std::move(explains)};
}

std::optional<Cause> surplus_tensors(const Case& subject) {
  auto explains = refusing(
      subject, [](const Finding& finding) { return finding.kind == FindingKind::kUnexpected; });
  if (explains.empty()) return std::nullopt;
  const std::size_t taken = subject.compared == nullptr ? 0 : subject.compared->counts.matched;
  const bool is_most = explains.size() > taken;
  const bool is_all = refusing(subject, [](const Finding&) { return true; }).size() == explains.size();
  // Dropping is no remedy where it loses most of the file, or where the load is refused all the same.
  return Cause{fmt::format("the file has {} that the model has no place for{}: {}", tensors(explains.size()),
                           is_most ? fmt::format(", and {} that it takes", taken) : std::string(),
                           some_names(names_of(subject, explains))),
               is_all && !is_most ? command(subject, "check", "--policy lenient") : explain("TN-D-UNEXPECTED"), std::move(explains)};
}

/// That hardly anything matches follows from what differs.
void add_coverage(const Case& subject, std::vector<std::size_t>& explains) {
  const auto guarded =
      refusing(subject, [](const Finding& finding) { return has_id(finding, "TN-COVERAGE"); });
  explains.insert(explains.end(), guarded.begin(), guarded.end());
}

std::optional<Cause> other_shapes(const Case& subject) {
  auto explains =
      refusing(subject, [](const Finding& finding) { return finding.kind == FindingKind::kShape; });
  if (explains.empty()) return std::nullopt;
  const Finding& first = subject.findings[explains[0]];
  std::string text = cut(first.message, 300);
  if (explains.size() > 1) text += fmt::format(", and {} more differ", explains.size() - 1);
  add_coverage(subject, explains);
  return Cause{std::move(text), command(subject, "check", "-v"), std::move(explains)};
}

std::optional<Cause> other_kinds(const Case& subject) {
  auto explains =
      refusing(subject, [](const Finding& finding) { return finding.kind == FindingKind::kDtype; });
  if (explains.empty()) return std::nullopt;
  std::string text = cut(subject.findings[explains[0]].message, 300);
  if (explains.size() > 1) text += fmt::format(", and {} more", explains.size() - 1);
  add_coverage(subject, explains);
  return Cause{std::move(text), explain("TN-D-DTYPE"), std::move(explains)};
}

std::optional<Cause> two_for_one(const Case& subject) {
  auto explains = refusing(
      subject, [](const Finding& finding) { return finding.kind == FindingKind::kDuplicate; });
  if (explains.empty()) return std::nullopt;
  return Cause{fmt::format("the file holds one tensor of the model twice: {}",
                           cut(subject.findings[explains[0]].message, 300)),
               explain("TN-D-DUPLICATE"), std::move(explains)};
}

constexpr CauseRule kTensorRules[] = {
    {"TN-D-SCALE", Depth::kEncoding, lost_scales},
    {"TN-D-SHARD", Depth::kEncoding, one_shard},
    {"TN-D-COVERAGE", Depth::kCoverage, under_half},
    {"TN-D-GROUP", Depth::kExtent, group_absent},
    {"TN-D-RENAMED", Depth::kNames, other_names},
    {"TN-D-DUPLICATE", Depth::kNames, two_for_one},
    {"TN-D-MISSING", Depth::kTensors, absent_tensors},
    {"TN-D-UNEXPECTED", Depth::kTensors, surplus_tensors},
    {"TN-D-SHAPE", Depth::kTensors, other_shapes},
    {"TN-D-DTYPE", Depth::kTensors, other_kinds},
};

}  // namespace

std::span<const CauseRule> tensor_rules() { return kTensorRules; }

}  // namespace tenon
