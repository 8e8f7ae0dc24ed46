#include "runtime/mapping/table_reader.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "runtime/io/text.h"

namespace tenon {
namespace {

constexpr std::string_view kTypeCode = "TN-TABLE-TYPE";
constexpr std::size_t kMaxFault = 320;

std::string_view kind_name(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kScalar:
      return "a word";
    case YamlNode::Kind::kSequence:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
  }
  return "";
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// "dim(a.b, 2)" -> the call; nullopt when the text is none.
std::optional<ReadCall> parse_read_call(std::string_view text, YamlMark mark) {
  using Kind = ReadCall::Kind;
  static constexpr std::pair<std::string_view, Kind> kCalls[] = {
      {"count", Kind::kCount}, {"dim", Kind::kDim},         {"shape", Kind::kShape}, {"present", Kind::kPresent},
      {"rank", Kind::kRank},   {"tensors", Kind::kTensors}, {"dtype", Kind::kDtype}, {"each", Kind::kEach},
      {"names", Kind::kNames}};
  const auto open = text.find('(');
  if (open == std::string_view::npos || text.back() != ')') return std::nullopt;
  for (const auto& [name, kind] : kCalls) {
    if (text.substr(0, open) != name) continue;
    ReadCall call;
    call.kind = kind;
    std::string_view inner = text.substr(open + 1, text.size() - open - 2);
    const auto comma = inner.rfind(',');
    if ((comma != std::string_view::npos) != (kind == Kind::kDim)) return std::nullopt;
    if (kind == Kind::kDim) {
      const auto digits = trim(inner.substr(comma + 1));
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), call.dim);
      if (error != std::errc() || end != digits.data() + digits.size() || call.dim < 0) return std::nullopt;
      inner = inner.substr(0, comma);
    }
    call.pattern = {std::string(trim(inner)), mark};
    return call;
  }
  return std::nullopt;
}

/// Faults quote what they name: the quotes stay, everything else is escaped.
std::string shown(std::string_view message) {
  std::string out;
  for (std::size_t quote = 0; quote != std::string_view::npos && out.size() <= kMaxFault;) {
    quote = message.find('"');
    out += io::escape(message.substr(0, quote), kMaxFault);
    if (quote == std::string_view::npos) continue;
    out += '"';
    message.remove_prefix(quote + 1);
  }
  if (out.size() > kMaxFault) out.replace(kMaxFault - 3, std::string::npos, "...");
  return out;
}

}  // namespace

void TableFaults::add(YamlMark mark, std::string code, std::string message) {
  faults_.push_back({mark, std::move(code), std::move(message)});
}

std::vector<TableFault> TableFaults::sorted() const {
  auto faults = faults_;
  std::stable_sort(faults.begin(), faults.end(), [](const TableFault& a, const TableFault& b) {
    return std::pair(a.mark.line, a.mark.column) < std::pair(b.mark.line, b.mark.column);
  });
  return faults;
}

Error TableFaults::error(std::string_view path) const {
  const TableFault& fault = faults_.front();
  auto message = fmt::format("{}:{}:{}: {} [{}]", io::escape(path, 128), fault.mark.line, fault.mark.column,
                             shown(fault.message), fault.code);
  return Error{ErrorKind::kUsage, fault.code, std::move(message), "see configs/README.md", nullptr};
}

bool expect_kind(const YamlNode& node, YamlNode::Kind kind, std::string_view what, TableFaults& faults) {
  if (node.kind == kind) return true;
  faults.add(node.mark, std::string(kTypeCode),
             fmt::format("{} is {}; {} is needed", what, kind_name(node.kind), kind_name(kind)));
  return false;
}

void expect_keys(const YamlNode& node, std::initializer_list<std::string_view> allowed, TableFaults& faults) {
  if (!expect_kind(node, YamlNode::Kind::kMap, "this", faults)) return;
  for (const YamlEntry& entry : node.entries) {
    if (std::find(allowed.begin(), allowed.end(), entry.key) != allowed.end()) continue;
    faults.add(entry.mark, "TN-TABLE-KEY",
               fmt::format("unknown key \"{}\"; known here: {}", entry.key, fmt::join(allowed, ", ")));
  }
}

std::string read_string(const YamlNode& node, TableFaults& faults) {
  return expect_kind(node, YamlNode::Kind::kScalar, "this", faults) ? node.text : std::string();
}

std::string read_string(const YamlNode& map, std::string_view key, TableFaults& faults) {
  const YamlNode* node = map.find(key);
  return node == nullptr ? std::string() : read_string(*node, faults);
}

bool read_bool(const YamlNode& map, std::string_view key, TableFaults& faults) {
  const YamlNode* node = map.find(key);
  if (node == nullptr) return false;
  const auto value = node->to_value().as_bool();
  if (!value) faults.add(node->mark, std::string(kTypeCode), fmt::format("{} is true or false", key));
  return value.value_or(false);
}

std::int64_t read_int(const YamlNode& node, TableFaults& faults) {
  const auto value = node.to_value().as_int();
  if (!value) faults.add(node.mark, std::string(kTypeCode), "a whole number is needed");
  return value.value_or(0);
}

std::vector<Template> read_templates(const YamlNode& map, std::string_view key, TableFaults& faults) {
  const YamlNode* node = map.find(key);
  std::vector<Template> templates;
  if (node == nullptr) return templates;
  if (node->kind != YamlNode::Kind::kSequence) {
    templates.push_back(read_template(*node, faults));
    return templates;
  }
  for (const YamlNode& item : node->items) templates.push_back(read_template(item, faults));
  return templates;
}

Template read_template(const YamlNode& node, TableFaults& faults) { return {read_string(node, faults), node.mark}; }

std::vector<std::string> read_strings(const YamlNode& map, std::string_view key, TableFaults& faults) {
  std::vector<std::string> strings;
  for (Template& item : read_templates(map, key, faults)) strings.push_back(std::move(item.text));
  return strings;
}

std::vector<std::pair<std::string, std::string>> read_pairs(const YamlNode& map, std::string_view key, TableFaults& faults) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const YamlNode* node = map.find(key);
  if (node == nullptr || !expect_kind(*node, YamlNode::Kind::kMap, key, faults)) return pairs;
  for (const YamlEntry& entry : node->entries) pairs.emplace_back(entry.key, read_string(entry.value, faults));
  return pairs;
}

Variables read_variables(const YamlNode& map, std::string_view key, TableFaults& faults) {
  Variables variables;
  for (auto& [name, text] : read_pairs(map, key, faults)) variables.emplace(std::move(name), std::move(text));
  return variables;
}

SetDefinitions read_sets(const YamlNode& map, TableFaults& faults) {
  SetDefinitions sets;
  const YamlNode* node = map.find("sets");
  if (node == nullptr || !expect_kind(*node, YamlNode::Kind::kMap, "sets", faults)) return sets;
  for (const YamlEntry& entry : node->entries) {
    if (entry.key.size() < 2) faults.add(entry.mark, "TN-TABLE-SET", "one letter is an index; a set needs a longer name");
    SetDefinition set;
    if (entry.value.kind == YamlNode::Kind::kMap) {
      for (const auto& [from, to] : read_pairs(*node, entry.key, faults)) {
        set.from.push_back(from);
        set.to.push_back(to);
      }
    } else {
      set.from = read_strings(*node, entry.key, faults);
      set.to = set.from;
    }
    if (set.from.empty()) faults.add(entry.mark, "TN-TABLE-SET", fmt::format("the set \"{}\" is empty", entry.key));
    for (const auto& side : {set.from, set.to}) {
      for (std::size_t i = 0; i < side.size(); ++i) {
        if (std::find(side.begin() + static_cast<std::ptrdiff_t>(i) + 1, side.end(), side[i]) != side.end()) {
          faults.add(entry.mark, "TN-TABLE-SET", fmt::format("the set \"{}\" holds \"{}\" twice", entry.key, side[i]));
        }
        if (side[i].empty() || side[i].find_first_of(".{}*$") != std::string::npos) {
          faults.add(entry.mark, "TN-TABLE-SET", fmt::format("\"{}\" is not one plain segment", side[i]));
        }
      }
    }
    sets.emplace(entry.key, std::move(set));
  }
  return sets;
}

std::vector<ReadRule> read_reads(const YamlNode& map, TableFaults& faults) {
  std::vector<ReadRule> rules;
  const YamlNode* node = map.find("reads");
  if (node == nullptr || !expect_kind(*node, YamlNode::Kind::kMap, "reads", faults)) return rules;
  for (const YamlEntry& entry : node->entries) {
    ReadRule rule{entry.key, entry.value.mark, {}};
    const std::string text = read_string(entry.value, faults);
    std::string_view rest = text;
    while (!rest.empty()) {
      const auto bar = std::min(rest.find('|'), rest.size());
      const auto part = trim(rest.substr(0, bar));
      rest.remove_prefix(std::min(bar + 1, rest.size()));
      if (auto call = parse_read_call(part, entry.value.mark)) {
        rule.calls.push_back(*std::move(call));
      } else {
        faults.add(entry.value.mark, "TN-TABLE-READ",
                   fmt::format("\"{}\" is none of count(p), dim(p, n), shape(p), present(p), rank(p), tensors(p), dtype(p), each(p), names(p)", part));
      }
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace tenon
