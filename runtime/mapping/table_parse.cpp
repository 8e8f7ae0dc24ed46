// A family's YAML, and that of the wrappers, into tables.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "runtime/io/text.h"
#include "runtime/mapping/table_reader.h"

namespace tenon {
namespace {

void check_version(const YamlNode& root, std::string_view key, TableFaults& faults) {
  const YamlNode* version = root.find(key);
  if (version == nullptr || version->to_value().as_int() != 1) {
    faults.add(version != nullptr ? version->mark : root.mark, "TN-TABLE-VERSION", fmt::format("`{}: 1` is needed", key));
  }
}

std::vector<ConfigKey> parse_config(const YamlNode* node, TableFaults& faults) {
  static constexpr std::string_view kTypes[] = {"int", "float", "bool", "string", "size", "list", "any"};
  std::vector<ConfigKey> keys;
  if (node == nullptr || !expect_kind(*node, YamlNode::Kind::kMap, "config", faults)) return keys;
  for (const YamlEntry& entry : node->entries) {
    expect_keys(entry.value, {"type", "choices", "about"}, faults);
    ConfigKey key;
    key.name = entry.key;
    key.type = read_string(entry.value, "type", faults);
    key.about = read_string(entry.value, "about", faults);
    if (const YamlNode* choices = entry.value.find("choices")) {
      for (const YamlNode& item : choices->items) key.choices.push_back(item.to_value());
    }
    if (std::find(std::begin(kTypes), std::end(kTypes), key.type) == std::end(kTypes)) {
      faults.add(entry.mark, "TN-TABLE-CONFIG", fmt::format("\"{}\" is no type; types: {}", key.type, fmt::join(kTypes, ", ")));
    }
    keys.push_back(std::move(key));
  }
  return keys;
}

VariantTable parse_variants(const YamlNode* node, TableFaults& faults) {
  VariantTable table;
  if (node == nullptr) return table;
  expect_keys(*node, {"match", "prefer", "gives", "list", "about"}, faults);
  for (auto& [name, about] : read_pairs(*node, "about", faults)) table.about.emplace(name, about);
  table.match = read_strings(*node, "match", faults);
  table.prefer = read_strings(*node, "prefer", faults);
  table.gives = read_strings(*node, "gives", faults);
  const auto columns = table.match.size() + table.prefer.size() + table.gives.size();
  const YamlNode* list = node->find("list");
  if (list == nullptr || !expect_kind(*list, YamlNode::Kind::kMap, "list", faults)) return table;
  for (const YamlEntry& entry : list->entries) {
    VariantLine line{entry.key, entry.mark, {}};
    if (expect_kind(entry.value, YamlNode::Kind::kSequence, "a variant", faults)) {
      for (const YamlNode& item : entry.value.items) line.values.push_back(item.to_value());
    }
    if (line.values.size() != columns) {
      faults.add(entry.mark, "TN-TABLE-VARIANT",
                 fmt::format("\"{}\" has {} values for {} columns", entry.key, line.values.size(), columns));
      line.values.resize(columns);
    }
    table.lines.push_back(std::move(line));
  }
  return table;
}

bool lists_variant(const FamilyTable& family, std::string_view name) {
  const auto& lines = family.variants.lines;
  return std::any_of(lines.begin(), lines.end(), [&](const VariantLine& line) { return line.name == name; });
}

bool has_config_key(const FamilyTable& family, std::string_view name) {
  return std::any_of(family.config.begin(), family.config.end(), [&](const ConfigKey& key) { return key.name == name; });
}

std::vector<Mark> parse_marks(const YamlNode* node, const FamilyTable& family, TableFaults& faults) {
  std::vector<Mark> marks;
  if (node == nullptr || !expect_kind(*node, YamlNode::Kind::kSequence, "marks", faults)) return marks;
  for (const YamlNode& item : node->items) {
    expect_keys(item, {"tensor", "metadata", "is", "set", "variant"}, faults);
    Mark mark;
    mark.tensor = read_string(item, "tensor", faults);
    mark.metadata = read_string(item, "metadata", faults);
    mark.is = read_string(item, "is", faults);
    mark.variant = read_string(item, "variant", faults);
    if (mark.tensor.empty() == mark.metadata.empty()) {
      faults.add(item.mark, "TN-TABLE-MARK", "a mark is a tensor or an entry of the metadata");
    }
    if (const YamlNode* set = item.find("set")) {
      for (const YamlEntry& entry : set->entries) mark.set.emplace_back(entry.key, entry.value.to_value());
    }
    for (const auto& [key, value] : mark.set) {
      if (!has_config_key(family, key)) faults.add(item.mark, "TN-TABLE-MARK", fmt::format("\"{}\" is no config key", key));
    }
    if (!mark.variant.empty() && !lists_variant(family, mark.variant)) faults.add(item.mark, "TN-TABLE-MARK", fmt::format("\"{}\" is no variant", mark.variant));
    marks.push_back(std::move(mark));
  }
  return marks;
}

void check_columns(const FamilyTable& family, YamlMark mark, TableFaults& faults) {
  if (family.config.empty()) return;
  for (const auto* columns : {&family.variants.match, &family.variants.prefer, &family.variants.gives}) {
    for (const std::string& column : *columns) {
      if (!has_config_key(family, column)) faults.add(mark, "TN-TABLE-VARIANT", fmt::format("the column \"{}\" is no config key", column));
    }
  }
}

/// The rows of a layout above it, in a file that is put together another way.
void add_layout_like(const YamlEntry& entry, FamilyTable& family, TableFaults& faults) {
  expect_keys(entry.value, {"about", "like", "file"}, faults);
  const std::string like = read_string(entry.value, "like", faults);
  const LayoutTable* model = family.layout(like);
  if (model == nullptr) {
    faults.add(entry.mark, "TN-TABLE-LAYOUT", fmt::format("`like` names a layout above it; there is no {}", io::quoted(like)));
    return;
  }
  LayoutTable layout = *model;
  layout.name = entry.key;
  layout.mark = entry.mark;
  layout.about = read_string(entry.value, "about", faults);
  layout.like = like;
  layout.file = parse_file_form(entry.value, faults);
  layout.anchors.clear();
  family.layouts.push_back(std::move(layout));
}

void parse_layouts(const YamlNode& root, FamilyTable& family, TableFaults& faults) {
  const YamlNode* layouts = root.find("layouts");
  if (layouts == nullptr) {
    faults.add(root.mark, "TN-TABLE-LAYOUT", "a family needs `layouts`");
    return;
  }
  if (!expect_kind(*layouts, YamlNode::Kind::kMap, "layouts", faults)) return;
  for (const YamlEntry& entry : layouts->entries) {
    if (entry.value.find("like") != nullptr) {
      add_layout_like(entry, family, faults);
      continue;
    }
    family.layouts.push_back(parse_layout(entry.key, entry.mark, entry.value, faults));
    const LayoutTable& layout = family.layouts.back();
    for (const HarmlessTemplate& item : layout.harmless) {
      const auto is_written = [&](const ConfigKey& key) { return key.name == item.writes && (key.type == "int" || key.type == "size"); };
      if (item.writes.empty() || std::any_of(family.config.begin(), family.config.end(), is_written)) continue;
      faults.add(item.name.mark, "TN-TABLE-HARMLESS", fmt::format("\"{}\" is no config key of a whole number", item.writes));
    }
    if (layout.anchors.empty()) faults.add(entry.mark, "TN-TABLE-EVIDENCE", "a layout needs `anchors` in its evidence");
    if (!family.declined && layout.rows.empty() && !layout.emitted) {
      faults.add(entry.mark, "TN-TABLE-LAYOUT", "a layout of a family that is built needs rows");
    }
    if (family.declined && (!layout.rows.empty() || layout.emitted)) {
      faults.add(entry.mark, "TN-TABLE-LAYOUT", "a layout of a declined family has no rows");
    }
  }
}

std::vector<DefaultSet> parse_defaults(const YamlNode* node, const FamilyTable& family, TableFaults& faults) {
  std::vector<DefaultSet> sets;
  if (node == nullptr || !expect_kind(*node, YamlNode::Kind::kSequence, "defaults", faults)) return sets;
  for (const YamlNode& item : node->items) {
    expect_keys(item, {"of", "config", "variant"}, faults);
    DefaultSet set{read_string(item, "of", faults), read_string(item, "variant", faults), {}};
    const YamlNode* config = item.find("config");
    if (config != nullptr && expect_kind(*config, YamlNode::Kind::kMap, "config", faults)) {
      for (const YamlEntry& entry : config->entries) set.config.emplace_back(entry.key, entry.value.to_value());
    }
    const bool is_listed = set.variant.empty() || lists_variant(family, set.variant);
    if (set.of.empty() || (set.config.empty() && set.variant.empty()) || !is_listed)
      faults.add(item.mark, "TN-TABLE-DEFAULT", "a default is `of` a library and names a config, a variant of the list, or both");
    sets.push_back(std::move(set));
  }
  return sets;
}

void parse_bridges(const YamlNode& root, FamilyTable& family, TableFaults& faults) {
  const YamlNode* bridges = root.find("bridges");
  if (bridges == nullptr || !expect_kind(*bridges, YamlNode::Kind::kMap, "bridges", faults)) return;
  for (const YamlEntry& entry : bridges->entries) {
    expect_keys(entry.value, {"about", "rows", "harmless", "spellings", "vars"}, faults);
    family.bridges.push_back({entry.key, entry.mark, parse_layout(entry.key, entry.mark, entry.value, faults)});
  }
}

}  // namespace

const LayoutTable* FamilyTable::layout(std::string_view layout_name) const {
  for (const LayoutTable& candidate : layouts) {
    if (candidate.name == layout_name) return &candidate;
  }
  return nullptr;
}

FamilyTable parse_family_table(const YamlNode& root, std::string_view name, TableFaults& faults) {
  FamilyTable family;
  family.name = std::string(name);
  expect_keys(root,
              {"tenon_tables", "family", "about", "own", "parts", "heads", "sets", "config", "reads", "variants", "marks",
               "defaults", "fragments", "layouts", "bridges", "declined"},
              faults);
  if (root.kind != YamlNode::Kind::kMap) return family;
  check_version(root, "tenon_tables", faults);
  if (read_string(root, "family", faults) != name) {
    faults.add(root.mark, "TN-TABLE-FAMILY", fmt::format("`family: {}` is needed, as the file is called", name));
  }
  family.about = read_string(root, "about", faults);
  family.own = read_string(root, "own", faults);
  family.parts = read_pairs(root, "parts", faults);
  const auto bare = std::find_if(family.parts.begin(), family.parts.end(), [](const auto& part) { return part.first.empty(); });
  if (bare != family.parts.end()) {
    family.bare_part = bare->second;
    family.parts.erase(bare);
  }
  for (const auto& [prefix, part] : family.parts) {
    if (prefix.back() != '.') {
      faults.add(root.find("parts")->mark, "TN-TABLE-PART", fmt::format("the prefix \"{}\" does not end in a dot", prefix));
    }
  }
  family.heads = read_strings(root, "heads", faults);
  family.sets = read_sets(root, faults);
  family.config = parse_config(root.find("config"), faults);
  family.reads = read_reads(root, faults);
  family.variants = parse_variants(root.find("variants"), faults);
  check_columns(family, root.find("variants") != nullptr ? root.find("variants")->mark : root.mark, faults);
  family.marks = parse_marks(root.find("marks"), family, faults);
  family.defaults = parse_defaults(root.find("defaults"), family, faults);
  if (const YamlNode* declined = root.find("declined")) {
    expect_keys(*declined, {"because", "instead", "piece_of", "outranks"}, faults);
    family.declined = true;
    family.because = read_string(*declined, "because", faults);
    family.instead = read_string(*declined, "instead", faults);
    family.piece_of = read_string(*declined, "piece_of", faults);
    family.outranks = read_bool(*declined, "outranks", faults);
  }
  if (const YamlNode* fragments = root.find("fragments")) {
    if (expect_kind(*fragments, YamlNode::Kind::kMap, "fragments", faults)) {
      for (const YamlEntry& entry : fragments->entries) family.fragments.emplace(entry.key, parse_rows(&entry.value, faults));
    }
  }
  parse_layouts(root, family, faults);
  parse_bridges(root, family, faults);
  if (!family.declined && family.layout(family.own) == nullptr) {
    faults.add(root.mark, "TN-TABLE-OWN", "`own` must name one of the layouts");
  }
  return family;
}

WrapperTable parse_wrapper_table(const YamlNode& root, TableFaults& faults) {
  WrapperTable wrappers;
  expect_keys(root, {"tenon_wrappers", "transparent", "inside", "named", "about", "training", "harmless"}, faults);
  if (root.kind != YamlNode::Kind::kMap) return wrappers;
  check_version(root, "tenon_wrappers", faults);
  wrappers.transparent = read_strings(root, "transparent", faults);
  wrappers.inside = read_strings(root, "inside", faults);
  for (auto& [segment, part] : read_pairs(root, "named", faults)) wrappers.named.emplace(segment, part);
  for (auto& [segment, about] : read_pairs(root, "about", faults)) wrappers.about.emplace(segment, about);
  wrappers.training = read_strings(root, "training", faults);
  wrappers.harmless = parse_harmless(root.find("harmless"), faults);
  return wrappers;
}

}  // namespace tenon
