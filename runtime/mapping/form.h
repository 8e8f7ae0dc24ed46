// A form: one layout with its root and spellings chosen, every fragment, variable and set written out.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tenon/mapping.h>

#include "runtime/mapping/name_trie.h"
#include "runtime/mapping/pattern.h"
#include "runtime/mapping/table.h"

namespace tenon {

/// One alternative per group of a layout, by position.
using FormChoice = std::vector<std::uint8_t>;

/// Every combination, in the order in which `convert` prefers them. At most 4,096.
[[nodiscard]] std::vector<FormChoice> form_choices(const LayoutTable& layout);

/// A row with literals and indices only.
struct Rule {
  std::string id;  // "timm#57": layout and line; "ldm#e12" when emitted
  YamlMark mark;
  std::vector<Pattern> from;
  std::vector<Pattern> to;
  std::vector<Expr> exprs;                 // one per target
  std::optional<std::vector<Expr>> back;   // one per source; nullopt: no way back
  std::string invents;
  std::vector<Pattern> twins;              // of from[0]
  std::string letters;                     // the indices of the targets
  bool zero = false;
};

struct HarmlessRule {
  Pattern name;
  std::string because;
  bool derived = false;
  std::string target;
  bool zero = false;
  std::string writes;
  std::vector<std::pair<std::string, Value>> where;
};

/// What a name in the source trie is.
struct Leaf {
  enum class Kind : std::uint8_t { kSource, kTwin, kHarmless };
  Kind kind = Kind::kSource;
  std::uint32_t rule = 0;      // index into rules or harmless
  std::uint32_t position = 0;  // which source or twin
  std::array<std::uint8_t, Captures::kMax> order{};  // rule letter -> capture of this pattern
};

struct Form {
  std::string layout;
  std::string label;  // "transformers (disk)": the layout and its chosen spellings
  Variables variables;
  std::vector<std::pair<std::string, std::string>> choices;  // group -> alternative
  std::vector<Rule> rules;
  std::vector<HarmlessRule> harmless;
  std::vector<Leaf> leaves;
  NameTrie sources;  // values index `leaves`
  NameTrie targets;  // values index `rules`
};

/// Writes a form out. What is wrong goes to `faults`, and the row it concerns is left out.
[[nodiscard]] Form expand_form(const FamilyTable& family,
                               const LayoutTable& layout,
                               const FormChoice& choice,
                               const std::vector<EmittedRow>& emitted,
                               TableFaults& faults);

/// The layout's variables under a choice: constants, then what the alternatives set.
[[nodiscard]] Variables form_variables(const LayoutTable& layout, const FormChoice& choice);

/// `text` with its ${variables} put in; a fault TN-TABLE-VARIABLE for one that does not exist.
[[nodiscard]] std::string substitute(const Template& text, const Variables& variables, TableFaults& faults);

/// Whether a `when` holds in a form of these choices.
[[nodiscard]] bool when_holds(const std::vector<std::pair<std::string, std::string>>& when,
                              const LayoutTable& layout,
                              const FormChoice& choice,
                              YamlMark mark,
                              TableFaults& faults);

}  // namespace tenon
