// The right model in another size: head, resolution, channels, depth, width, and what was set by
// hand.
#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>

#include "runtime/diagnose/words.h"
#include "runtime/io/text.h"
#include "runtime/mapping/pattern.h"
#include "runtime/policy/adapt.h"

namespace tenon {
namespace {

bool belongs_to(const std::string& name, const std::vector<std::string>& heads) {
  return std::any_of(heads.begin(), heads.end(), [&](const std::string& head) {
    return name == head || name.starts_with(head + ".");
  });
}

/// The config key, asked for with this value, and how: "num_classes=10".
std::optional<std::string> asked_key(const Case& subject, std::int64_t number) {
  for (const Config::Item& item : subject.request.asked.items()) {
    if (item.value.as_int() == number) return item.key;
  }
  return std::nullopt;
}

/// Contradictions of these config keys belong to the same cause.
void add_contradictions(const Case& subject, const std::set<std::string>& keys,
                        std::vector<std::size_t>& explains) {
  const auto found = refusing(subject, [&](const Finding& finding) {
    return finding.kind == FindingKind::kConfig && keys.count(finding.target) != 0;
  });
  explains.insert(explains.end(), found.begin(), found.end());
}

bool has_two_shapes(const Finding& finding) { return finding.expected && finding.found; }

/// How to ask for the size again and let the policy adapt to it.
std::string lenient_with(const Case& subject, const std::string& key) {
  const Value* value = subject.request.asked.find(key);
  return command(subject, "check",
                 fmt::format("--policy lenient --set {}",
                             shell_quoted(key + "=" + to_string(value ? *value : Value()))));
}

std::optional<Cause> head_changed(const Case& subject) {
  const auto& heads = subject.request.head_prefixes;
  auto explains = refusing(subject, [&](const Finding& finding) {
    return (finding.kind == FindingKind::kShape || finding.kind == FindingKind::kMissing) &&
           finding.expected && belongs_to(finding.target, heads);
  });
  const auto sized = std::find_if(explains.begin(), explains.end(), [&](std::size_t index) {
    const Finding& finding = subject.findings[index];
    return finding.kind == FindingKind::kShape && has_two_shapes(finding) &&
           !finding.expected->shape.empty() && !finding.found->shape.empty() &&
           finding.expected->shape[0] != finding.found->shape[0];
  });
  if (sized == explains.end()) return std::nullopt;
  const Finding& head = subject.findings[*sized];
  const std::int64_t wanted = head.expected->shape[0];
  const auto key = asked_key(subject, wanted);
  if (key) add_contradictions(subject, {*key}, explains);
  return Cause{fmt::format("the classifier {} has {} classes in the file, the model {}{}",
                           shown_name(head.target), head.found->shape[0], wanted,
                           key ? fmt::format(" ({}={} was asked for)", *key, wanted) : ""),
               key ? lenient_with(subject, *key) : command(subject, "check"), std::move(explains)};
}

std::string grid_text(const Grid& grid) {
  const std::string prefix =
      grid.prefix == 0
          ? ""
          : fmt::format(" behind {} prefix token{}", grid.prefix, grid.prefix == 1 ? "" : "s");
  return fmt::format("{}x{}{}", grid.rows, grid.columns, prefix);
}

std::optional<Cause> resolution_changed(const Case& subject) {
  if (subject.expected == nullptr || subject.part == nullptr) return std::nullopt;
  std::map<std::string, const ExpectedTensor*> by_name;
  for (const ExpectedTensor& tensor : subject.expected->tensors) by_name[tensor.name] = &tensor;
  std::vector<std::size_t> explains;
  std::string text;
  std::set<std::string> keys;
  for (const std::size_t index :
       refusing(subject, [](const Finding& f) { return f.kind == FindingKind::kShape; })) {
    const Finding& finding = subject.findings[index];
    const auto expected = by_name.find(finding.target);
    if (expected == by_name.end() || !has_two_shapes(finding) ||
        finding.target.ends_with(".weight"))
      continue;
    const auto grids = position_grids(*subject.expected, *expected->second, finding.found->shape,
                                      subject.part->config);
    if (!grids) continue;
    explains.push_back(index);
    if (!text.empty()) continue;
    text =
        fmt::format("{} is a table for a grid of {} in the file, the model's is {}",
                    shown_name(finding.target), grid_text(grids->first), grid_text(grids->second));
    for (const Config::Item& item : subject.request.asked.items()) {
      const auto number = item.value.as_int();
      if (number && *number >= grids->second.rows && *number % grids->second.rows == 0)
        keys.insert(item.key);
      if (item.value.as_list() != nullptr) keys.insert(item.key);
    }
  }
  if (explains.empty()) return std::nullopt;
  const std::size_t tables = explains.size();
  add_contradictions(subject, keys, explains);
  std::string asked;
  for (const std::string& key : keys) {
    asked += fmt::format("{}{}={}", asked.empty() ? "" : ", ", io::escape(key),
                         to_string(*subject.request.asked.find(key)));
  }
  if (!asked.empty()) text += fmt::format(" ({} was asked for)", asked);
  for (std::size_t i = tables; i < explains.size(); ++i)
    text += "; " + cut(subject.findings[explains[i]].message, 160);
  return Cause{std::move(text),
               keys.empty() ? command(subject, "check") : lenient_with(subject, *keys.begin()),
               std::move(explains)};
}

bool only_channels_differ(const Finding& finding) {
  if (finding.kind != FindingKind::kShape || !has_two_shapes(finding)) return false;
  Shape from = finding.found->shape;
  const Shape& to = finding.expected->shape;
  if (to.size() != from.size() || to.size() < 4 || to[1] == from[1]) return false;
  from[1] = to[1];
  return from == to;
}

std::optional<Cause> channels_changed(const Case& subject) {
  auto explains = refusing(subject, only_channels_differ);
  if (explains.size() != 1) return std::nullopt;
  const Finding& conv = subject.findings[explains[0]];
  const std::int64_t wanted = conv.expected->shape[1];
  const auto key = asked_key(subject, wanted);
  if (key) add_contradictions(subject, {*key}, explains);
  const std::int64_t held = conv.found->shape[1];
  return Cause{fmt::format("{} takes {} input channels in the file, {} in the model{}",
                           shown_name(conv.target), held, wanted,
                           key ? fmt::format(" ({}={} was asked for)", *key, wanted) : ""),
               key ? command(subject, "check", fmt::format("--set {}={}", shell_quoted(*key), held))
                   : command(subject, "check"),
               std::move(explains)};
}

/// Values set by hand that the shapes deny; the tensors that do not fit follow from them.
std::optional<Cause> contradicted_config(const Case& subject) {
  auto explains = refusing(
      subject, [](const Finding& finding) { return has_id(finding, "TN-CONFIG-CONTRADICTS"); });
  if (explains.empty()) return std::nullopt;
  std::string text;
  for (const Finding& finding : subject.findings) {
    if (!has_id(finding, "TN-CONFIG-DEFAULT")) continue;
    text = cut(finding.message, 250) + "; config.json was not found or not read";
  }
  for (const std::size_t index : explains) {
    text += (text.empty() ? "" : "; ") + cut(subject.findings[index].message, 160);
  }
  const std::size_t roots = explains.size();
  const auto follow = refusing(
      subject, [](const Finding& f) {
        return is_about_a_tensor(f) || has_id(f, "TN-COVERAGE") || has_id(f, "TN-CONFIG-IMPOSSIBLE");
      });
  explains.insert(explains.end(), follow.begin(), follow.end());
  return Cause{std::move(text), command(subject, "check"), std::move(explains), roots};
}

/// The number of blocks under a stem, as far as names tell: "blocks." and the largest index + 1.
struct Blocks {
  std::string stem;
  std::int64_t index;
};

std::optional<Blocks> block_of(const std::string& name) {
  std::string stem;
  for (const std::string_view segment : split_segments(name)) {
    if (const auto index = parse_index(segment)) return Blocks{stem, *index};
    stem += std::string(segment) + ".";
  }
  return std::nullopt;
}

/// All missing tensors lie in blocks behind the last one that the file has.
std::optional<Cause> fewer_blocks(const Case& subject) {
  if (subject.expected == nullptr || subject.compared == nullptr) return std::nullopt;
  std::map<std::string, std::int64_t> held;
  std::map<std::string, std::int64_t> needed;
  for (std::size_t i = 0; i < subject.expected->tensors.size(); ++i) {
    const auto block = block_of(subject.expected->tensors[i].name);
    if (!block) continue;
    needed[block->stem] = std::max(needed[block->stem], block->index + 1);
    if (subject.compared->expected[i].state == TensorState::kMissing) continue;
    held[block->stem] = std::max(held[block->stem], block->index + 1);
  }
  std::set<std::string> stems;
  auto explains = refusing(subject, [&](const Finding& finding) {
    if (finding.kind != FindingKind::kMissing) return false;
    const auto block = block_of(finding.target);
    if (!block || held[block->stem] == 0 || block->index < held[block->stem]) return false;
    stems.insert(block->stem);
    return true;
  });
  if (explains.empty()) return std::nullopt;
  std::string text;
  for (const std::string& stem : stems) {
    text += fmt::format("{}the file has {} of {} blocks {}", text.empty() ? "" : "; ", held[stem],
                        needed[stem], shown_name(stem + "*"));
  }
  return Cause{text, command(subject, "check", "-v"), std::move(explains)};
}

constexpr CauseRule kSizeRules[] = {
    {"TN-D-HEAD", Depth::kSizes, head_changed},
    {"TN-D-RESOLUTION", Depth::kSizes, resolution_changed},
    {"TN-D-CHANNELS", Depth::kSizes, channels_changed},
    {"TN-D-CONFIG", Depth::kConfig, contradicted_config},
    {"TN-D-DEPTH", Depth::kConfig, fewer_blocks},
};

}  // namespace

std::span<const CauseRule> size_rules() { return kSizeRules; }

}  // namespace tenon
