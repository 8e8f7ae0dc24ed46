// One row template into rules: variables put in, sets written out, expressions parsed, the way back found.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/mapping/form.h"

namespace tenon {

/// The letters of a pattern's indices in order.
[[nodiscard]] std::string index_letters(const Pattern& pattern);

/// The pattern once per choice of its sets.
[[nodiscard]] std::vector<Pattern> without_sets(const Pattern& pattern);

class RowRules {
 public:
  RowRules(const SetDefinitions& family_sets, const Variables& variables, std::string_view layout, TableFaults& faults)
      : family_sets_(family_sets), variables_(variables), layout_(layout), faults_(faults) {}

  /// The rules of a row that uses no fragment; none when it has a fault.
  [[nodiscard]] std::vector<Rule> expand(const RowTemplate& row);

 private:
  struct Parsed {
    std::vector<Pattern> from;
    std::vector<Pattern> to;
    std::vector<Pattern> twins;
  };

  bool parse_side(const std::vector<Template>& texts, const SegmentSets& sets, std::vector<Pattern>& patterns);
  bool parse_exprs(const RowTemplate& row, Rule& rule);
  bool find_way_back(const RowTemplate& row, const Parsed& parsed, Rule& rule);
  bool check_indices(const RowTemplate& row, const Parsed& parsed, Rule& rule);
  bool check_sets(const RowTemplate& row, const Parsed& parsed);
  std::vector<Rule> write_out(const Parsed& parsed, const Rule& base);
  void fault(YamlMark mark, std::string_view code, const std::string& message);

  const SetDefinitions& family_sets_;
  const Variables& variables_;
  std::string_view layout_;
  TableFaults& faults_;
  SetDefinitions sets_;  // the row's own over the family's
};

}  // namespace tenon
