// Typed access to YAML nodes for the table parser: a wrong type or key becomes a fault and a default.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/mapping/table.h"

namespace tenon {

/// Faults TN-TABLE-KEY for keys outside `allowed`, TN-TABLE-TYPE when the node is no map.
void expect_keys(const YamlNode& node, std::initializer_list<std::string_view> allowed, TableFaults& faults);
[[nodiscard]] bool expect_kind(const YamlNode& node, YamlNode::Kind kind, std::string_view what, TableFaults& faults);

[[nodiscard]] std::string read_string(const YamlNode& node, TableFaults& faults);
[[nodiscard]] std::string read_string(const YamlNode& map, std::string_view key, TableFaults& faults);
[[nodiscard]] bool read_bool(const YamlNode& map, std::string_view key, TableFaults& faults);
[[nodiscard]] std::int64_t read_int(const YamlNode& node, TableFaults& faults);
/// A scalar or a list of scalars.
[[nodiscard]] std::vector<std::string> read_strings(const YamlNode& map, std::string_view key, TableFaults& faults);
[[nodiscard]] Template read_template(const YamlNode& node, TableFaults& faults);
[[nodiscard]] std::vector<Template> read_templates(const YamlNode& map, std::string_view key, TableFaults& faults);
[[nodiscard]] Variables read_variables(const YamlNode& map, std::string_view key, TableFaults& faults);
[[nodiscard]] std::vector<std::pair<std::string, std::string>> read_pairs(const YamlNode& map,
                                                                          std::string_view key,
                                                                          TableFaults& faults);
[[nodiscard]] SetDefinitions read_sets(const YamlNode& map, TableFaults& faults);
[[nodiscard]] std::vector<ReadRule> read_reads(const YamlNode& map, TableFaults& faults);

/// The parts of a layout that are not evidence or spellings.
[[nodiscard]] std::vector<RowTemplate> parse_rows(const YamlNode* node, TableFaults& faults);
[[nodiscard]] std::vector<HarmlessTemplate> parse_harmless(const YamlNode* node, TableFaults& faults);
[[nodiscard]] FileForm parse_file_form(const YamlNode& layout, TableFaults& faults);
[[nodiscard]] LayoutTable parse_layout(const std::string& name, YamlMark mark, const YamlNode& node, TableFaults& faults);

}  // namespace tenon
