// Layouts, rows and harmless names out of YAML.
#include <utility>

#include <fmt/format.h>

#include "runtime/mapping/table_reader.h"

namespace tenon {
namespace {

std::vector<EvidenceItem> parse_evidence_items(const YamlNode& map, std::string_view key, TableFaults& faults);

std::vector<std::optional<std::int64_t>> parse_shape(const YamlNode& node, TableFaults& faults) {
  std::vector<std::optional<std::int64_t>> shape;
  if (!expect_kind(node, YamlNode::Kind::kSequence, "shape", faults)) return shape;
  for (const YamlNode& item : node.items) {
    if (item.kind == YamlNode::Kind::kScalar && item.text == "_") {
      shape.emplace_back(std::nullopt);
    } else {
      shape.emplace_back(read_int(item, faults));
    }
  }
  return shape;
}

EvidenceItem parse_evidence_item(const YamlNode& node, TableFaults& faults) {
  EvidenceItem item;
  if (node.kind != YamlNode::Kind::kMap) {
    item.name = read_template(node, faults);
    return item;
  }
  expect_keys(node, {"name", "rank", "shape", "count"}, faults);
  item.name = {read_string(node, "name", faults), node.mark};
  if (const YamlNode* rank = node.find("rank")) item.rank = read_int(*rank, faults);
  if (const YamlNode* shape = node.find("shape")) item.shape = parse_shape(*shape, faults);
  if (const YamlNode* count = node.find("count")) {
    if (count->kind == YamlNode::Kind::kSequence && count->items.size() == 2) {
      item.count = {read_int(count->items[0], faults), read_int(count->items[1], faults)};
    } else {
      faults.add(count->mark, "TN-TABLE-TYPE", "count is [from, to]");
    }
  }
  return item;
}

std::vector<EvidenceItem> parse_evidence_items(const YamlNode& map, std::string_view key, TableFaults& faults) {
  std::vector<EvidenceItem> items;
  const YamlNode* node = map.find(key);
  if (node == nullptr || !expect_kind(*node, YamlNode::Kind::kSequence, key, faults)) return items;
  for (const YamlNode& item : node->items) items.push_back(parse_evidence_item(item, faults));
  return items;
}

WriteCondition parse_write(const YamlNode& map, TableFaults& faults) {
  WriteCondition write;
  const YamlNode* node = map.find("write");
  if (node == nullptr) return write;
  if (node->kind == YamlNode::Kind::kScalar && node->text == "never") {
    write.never = true;
    return write;
  }
  expect_keys(*node, {"all", "none", "config"}, faults);
  write.all = read_templates(*node, "all", faults);
  write.none = read_templates(*node, "none", faults);
  if (const YamlNode* config = node->find("config")) {
    if (expect_kind(*config, YamlNode::Kind::kMap, "config", faults)) {
      for (const YamlEntry& entry : config->entries) write.config.emplace_back(entry.key, entry.value.to_value());
    }
  }
  return write;
}

SpellingGroup parse_roots(const YamlNode* node, TableFaults& faults) {
  SpellingGroup group{"root", {}};
  const auto add = [&](const std::string& root, YamlMark mark, const YamlNode* options) {
    Alternative alternative;
    alternative.name = root;
    alternative.mark = mark;
    alternative.set.emplace("root", root);
    if (options != nullptr && options->kind == YamlNode::Kind::kMap) {
      expect_keys(*options, {"write"}, faults);
      alternative.write = parse_write(*options, faults);
    }
    if (!root.empty() && root.back() != '.') faults.add(mark, "TN-TABLE-ROOT", "a root is empty or ends in a dot");
    group.alternatives.push_back(std::move(alternative));
  };
  if (node == nullptr) {
    add("", {}, nullptr);
  } else if (node->kind == YamlNode::Kind::kMap) {
    for (const YamlEntry& entry : node->entries) add(entry.key, entry.mark, &entry.value);
  } else if (expect_kind(*node, YamlNode::Kind::kSequence, "roots", faults)) {
    for (const YamlNode& item : node->items) add(read_string(item, faults), item.mark, nullptr);
  }
  if (group.alternatives.empty()) add("", {}, nullptr);
  return group;
}

SpellingGroup parse_group(const YamlEntry& entry, TableFaults& faults) {
  SpellingGroup group{entry.key, {}};
  if (entry.key == "root") faults.add(entry.mark, "TN-TABLE-SPELLING", "\"root\" is the name of the roots' group");
  if (!expect_kind(entry.value, YamlNode::Kind::kMap, "a group of spellings", faults)) return group;
  for (const YamlEntry& item : entry.value.entries) {
    Alternative alternative;
    alternative.name = item.key;
    alternative.mark = item.mark;
    expect_keys(item.value, {"all", "none", "set", "write"}, faults);
    alternative.all = parse_evidence_items(item.value, "all", faults);
    alternative.none = parse_evidence_items(item.value, "none", faults);
    alternative.set = read_variables(item.value, "set", faults);
    alternative.write = parse_write(item.value, faults);
    group.alternatives.push_back(std::move(alternative));
  }
  if (group.alternatives.empty()) faults.add(entry.mark, "TN-TABLE-SPELLING", "a group needs an alternative");
  return group;
}

// [from, to] or [from, to, expression]; `to` is then one target.
RowTemplate parse_row_list(const YamlNode& node, TableFaults& faults) {
  RowTemplate row;
  row.mark = node.mark;
  if (node.items.size() < 2 || node.items.size() > 3) {
    faults.add(node.mark, "TN-TABLE-ROW", "a row is [from, to] or [from, to, expression]; an expression with commas is quoted");
    return row;
  }
  if (node.items[0].kind == YamlNode::Kind::kSequence) {
    for (const YamlNode& item : node.items[0].items) row.from.push_back(read_template(item, faults));
  } else {
    row.from.push_back(read_template(node.items[0], faults));
  }
  row.to.push_back(read_template(node.items[1], faults));
  if (node.items.size() == 3) row.exprs.push_back(read_template(node.items[2], faults));
  return row;
}

void parse_targets(const YamlNode& node, RowTemplate& row, TableFaults& faults) {
  const YamlNode* to = node.find("to");
  if (to == nullptr || to->kind != YamlNode::Kind::kMap) {
    row.to = read_templates(node, "to", faults);
    return;
  }
  for (const YamlEntry& entry : to->entries) {
    row.to.push_back({entry.key, entry.mark});
    row.exprs.push_back(read_template(entry.value, faults));
  }
}

void parse_back(const YamlNode& node, RowTemplate& row, TableFaults& faults) {
  const YamlNode* back = node.find("back");
  if (back == nullptr) return;
  if (back->kind == YamlNode::Kind::kMap) {
    for (const YamlEntry& entry : back->entries) {
      row.back.emplace_back(Template{entry.key, entry.mark}, read_template(entry.value, faults));
    }
  } else if (read_string(*back, faults) == "none") {
    row.no_way_back = true;
    if (row.invents.empty()) faults.add(back->mark, "TN-TABLE-INVERSE", "`back: none` needs its reason in `invents`");
  } else if (row.from.size() == 1) {
    row.back.emplace_back(row.from[0], read_template(*back, faults));
  } else {
    faults.add(back->mark, "TN-TABLE-INVERSE", "`back` is a map from each source to its expression");
  }
}

RowTemplate parse_row_map(const YamlNode& node, TableFaults& faults) {
  RowTemplate row;
  row.mark = node.mark;
  row.when = read_pairs(node, "when", faults);
  if (node.find("use") != nullptr) {
    expect_keys(node, {"use", "with", "when"}, faults);
    row.use = read_string(node, "use", faults);
    row.with = read_variables(node, "with", faults);
    return row;
  }
  expect_keys(node, {"from", "to", "expr", "back", "invents", "when", "twins", "drops", "value", "sets"}, faults);
  row.from = read_templates(node, "from", faults);
  parse_targets(node, row, faults);
  if (const YamlNode* expr = node.find("expr")) row.exprs.push_back(read_template(*expr, faults));
  row.invents = read_string(node, "invents", faults);
  parse_back(node, row, faults);
  row.twins = read_templates(node, "twins", faults);
  row.drops = read_strings(node, "drops", faults);
  row.sets = read_sets(node, faults);
  const std::string value = read_string(node, "value", faults);
  row.zero = value == "zero";
  if (!value.empty() && !row.zero) faults.add(node.mark, "TN-TABLE-ROW", "the only condition on values is `zero`");
  if (row.from.empty() || row.to.empty()) faults.add(node.mark, "TN-TABLE-ROW", "a row needs `from` and `to`");
  return row;
}

UpdateTable parse_updates(const YamlNode& node, TableFaults& faults) {
  expect_keys(node, {"flat", "inputs", "outputs", "models", "rename"}, faults);
  UpdateTable table;
  table.flat = read_bool(node, "flat", faults);
  table.inputs = read_strings(node, "inputs", faults);
  table.outputs = read_strings(node, "outputs", faults);
  table.models = read_pairs(node, "models", faults);
  table.rename = read_pairs(node, "rename", faults);
  return table;
}

BaseRule parse_base(const YamlNode& node, TableFaults& faults) {
  expect_keys(node, {"read", "is", "base", "variant", "gives"}, faults);
  BaseRule rule{read_string(node, "read", faults), std::nullopt, read_string(node, "base", faults), read_string(node, "variant", faults), {}};
  if (const YamlNode* is = node.find("is")) rule.is = is->to_value();
  const YamlNode* gives = node.find("gives");
  if (gives == nullptr || !expect_kind(*gives, YamlNode::Kind::kMap, "gives", faults)) return rule;
  for (const YamlEntry& entry : gives->entries) rule.gives.emplace_back(entry.key, entry.value.to_value());
  return rule;
}

}  // namespace

std::vector<RowTemplate> parse_rows(const YamlNode* node, TableFaults& faults) {
  std::vector<RowTemplate> rows;
  if (node == nullptr || !expect_kind(*node, YamlNode::Kind::kSequence, "rows", faults)) return rows;
  for (const YamlNode& item : node->items) {
    if (item.kind == YamlNode::Kind::kScalar) {
      RowTemplate row;
      row.mark = item.mark;
      row.from.push_back({"${root}" + item.text, item.mark});
      row.to.push_back({item.text, item.mark});
      rows.push_back(std::move(row));
    } else if (item.kind == YamlNode::Kind::kSequence) {
      rows.push_back(parse_row_list(item, faults));
    } else if (expect_kind(item, YamlNode::Kind::kMap, "a row", faults)) {
      rows.push_back(parse_row_map(item, faults));
    }
  }
  return rows;
}

FileForm parse_file_form(const YamlNode& layout, TableFaults& faults) {
  FileForm form;
  const YamlNode* node = layout.find("file");
  if (node == nullptr) return form;
  expect_keys(*node, {"prefix", "beside", "nested"}, faults);
  form.prefix = read_string(*node, "prefix", faults);
  form.beside = read_pairs(*node, "beside", faults);
  form.nested = read_strings(*node, "nested", faults);
  if (!form.prefix.empty() && form.prefix.back() != '.') faults.add(node->mark, "TN-TABLE-FILE", "a prefix ends in a dot");
  return form;
}

std::vector<HarmlessTemplate> parse_harmless(const YamlNode* node, TableFaults& faults) {
  std::vector<HarmlessTemplate> list;
  if (node == nullptr || !expect_kind(*node, YamlNode::Kind::kSequence, "harmless", faults)) return list;
  for (const YamlNode& item : node->items) {
    expect_keys(item, {"name", "because", "derived", "target", "value", "writes", "where", "when"}, faults);
    HarmlessTemplate harmless;
    harmless.name = {read_string(item, "name", faults), item.mark};
    harmless.because = read_string(item, "because", faults);
    harmless.derived = read_bool(item, "derived", faults);
    harmless.target = read_string(item, "target", faults);
    harmless.writes = read_string(item, "writes", faults);
    if (const YamlNode* where = item.find("where"); where != nullptr && expect_kind(*where, YamlNode::Kind::kMap, "where", faults)) {
      for (const YamlEntry& entry : where->entries) harmless.where.emplace_back(entry.key, entry.value.to_value());
    }
    harmless.when = read_pairs(item, "when", faults);
    const std::string value = read_string(item, "value", faults);
    harmless.zero = value == "zero";
    if (harmless.because.empty()) faults.add(item.mark, "TN-TABLE-HARMLESS", "a harmless name needs its reason in `because`");
    if (!value.empty() && !harmless.zero) faults.add(item.mark, "TN-TABLE-HARMLESS", "the only condition on values is `zero`");
    list.push_back(std::move(harmless));
  }
  return list;
}

LayoutTable parse_layout(const std::string& name, YamlMark mark, const YamlNode& node, TableFaults& faults) {
  LayoutTable layout;
  layout.name = name;
  layout.mark = mark;
  expect_keys(node, {"about", "file", "roots", "vars", "spellings", "evidence", "reads", "emitted", "rows", "harmless", "claims",
                     "base", "updates"},
              faults);
  layout.about = read_string(node, "about", faults);
  layout.file = parse_file_form(node, faults);
  layout.groups.push_back(parse_roots(node.find("roots"), faults));
  layout.vars = read_variables(node, "vars", faults);
  if (const YamlNode* spellings = node.find("spellings")) {
    if (expect_kind(*spellings, YamlNode::Kind::kMap, "spellings", faults)) {
      for (const YamlEntry& entry : spellings->entries) layout.groups.push_back(parse_group(entry, faults));
    }
  }
  if (const YamlNode* evidence = node.find("evidence")) {
    expect_keys(*evidence, {"anchors", "all", "any", "none"}, faults);
    layout.anchors = parse_evidence_items(*evidence, "anchors", faults);
    layout.all = parse_evidence_items(*evidence, "all", faults);
    layout.any = parse_evidence_items(*evidence, "any", faults);
    layout.none = parse_evidence_items(*evidence, "none", faults);
  }
  layout.reads = read_reads(node, faults);
  layout.emitted = read_bool(node, "emitted", faults);
  layout.rows = parse_rows(node.find("rows"), faults);
  layout.harmless = parse_harmless(node.find("harmless"), faults);
  layout.claims = read_templates(node, "claims", faults);
  if (const YamlNode* updates = node.find("updates")) layout.updates = parse_updates(*updates, faults);
  if (const YamlNode* base = node.find("base")) {
    if (expect_kind(*base, YamlNode::Kind::kSequence, "base", faults)) {
      for (const YamlNode& item : base->items) {
        layout.bases.push_back(parse_base(item, faults));
      }
    }
  }
  return layout;
}

}  // namespace tenon
