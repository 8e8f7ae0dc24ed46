#include "runtime/mapping/form.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "runtime/mapping/row_rules.h"

namespace tenon {
namespace {

constexpr int kFragmentDepth = 8;
constexpr std::size_t kForms = 4096;

struct Scope {
  const FamilyTable& family;
  const LayoutTable& layout;
  const FormChoice& choice;
  Form& form;
  TableFaults& faults;
};

Variables arguments(const RowTemplate& row, const Variables& variables, TableFaults& faults) {
  Variables inner = variables;
  for (const auto& [name, text] : row.with) inner[name] = substitute(Template{text, row.mark}, variables, faults);
  return inner;
}

void expand_rows(const Scope& scope, const std::vector<RowTemplate>& rows, const Variables& variables, int depth) {
  for (const RowTemplate& row : rows) {
    if (!when_holds(row.when, scope.layout, scope.choice, row.mark, scope.faults)) continue;
    if (row.use.empty()) {
      RowRules maker{scope.family.sets, variables, scope.layout.name, scope.faults};
      for (Rule& rule : maker.expand(row)) scope.form.rules.push_back(std::move(rule));
      continue;
    }
    const auto fragment = scope.family.fragments.find(row.use);
    if (fragment == scope.family.fragments.end() || depth == kFragmentDepth) {
      const std::string_view why = depth == kFragmentDepth ? "fragments are nested too deeply at \"{}\"" : "no fragment is named \"{}\"";
      scope.faults.add(row.mark, "TN-TABLE-FRAGMENT", fmt::format(fmt::runtime(why), row.use));
      continue;
    }
    expand_rows(scope, fragment->second, arguments(row, variables, scope.faults), depth + 1);
  }
}

void expand_harmless(const Scope& scope, const Variables& variables) {
  SegmentSets sets;
  for (const auto& [name, set] : scope.family.sets) sets.emplace(name, set.from);
  for (const HarmlessTemplate& item : scope.layout.harmless) {
    if (!when_holds(item.when, scope.layout, scope.choice, item.name.mark, scope.faults)) continue;
    auto pattern = Pattern::parse(substitute(item.name, variables, scope.faults), PatternUse::kHarmless, sets);
    if (!pattern) {
      scope.faults.add(item.name.mark, "TN-TABLE-PATTERN", pattern.error());
      continue;
    }
    for (Pattern& plain : without_sets(*pattern)) {
      scope.form.harmless.push_back({std::move(plain), item.because, item.derived, item.target, item.zero, item.writes, item.where});
    }
  }
}

void expand_emitted(const Scope& scope, const std::vector<EmittedRow>& emitted, const Variables& variables) {
  for (std::size_t i = 0; i < emitted.size(); ++i) {
    RowTemplate row;
    row.mark = scope.layout.mark;
    for (const auto& source : emitted[i].sources) row.from.push_back({source, row.mark});
    for (const auto& target : emitted[i].targets) row.to.push_back({target, row.mark});
    for (const auto& expr : emitted[i].exprs) row.exprs.push_back({expr, row.mark});
    for (const auto& twin : emitted[i].twins) row.twins.push_back({twin, row.mark});
    RowRules maker{scope.family.sets, variables, scope.layout.name, scope.faults};
    for (Rule& rule : maker.expand(row)) {
      rule.id = fmt::format("{}#e{}", scope.layout.name, i + 1);
      scope.form.rules.push_back(std::move(rule));
    }
  }
}

Leaf leaf_of(Leaf::Kind kind, std::size_t rule, std::size_t position, const Pattern& pattern, std::string_view letters) {
  Leaf leaf;
  leaf.kind = kind;
  leaf.rule = static_cast<std::uint32_t>(rule);
  leaf.position = static_cast<std::uint32_t>(position);
  const std::string own = index_letters(pattern);
  for (std::size_t i = 0; i < letters.size(); ++i) leaf.order[i] = static_cast<std::uint8_t>(own.find(letters[i]));
  return leaf;
}

void build_tries(Form& form) {
  const auto add = [&](const Pattern& pattern, const Leaf& leaf) {
    form.sources.insert(pattern, static_cast<std::uint32_t>(form.leaves.size()));
    form.leaves.push_back(leaf);
  };
  for (std::size_t r = 0; r < form.rules.size(); ++r) {
    const Rule& rule = form.rules[r];
    for (std::size_t s = 0; s < rule.from.size(); ++s) add(rule.from[s], leaf_of(Leaf::Kind::kSource, r, s, rule.from[s], rule.letters));
    for (std::size_t t = 0; t < rule.twins.size(); ++t) add(rule.twins[t], leaf_of(Leaf::Kind::kTwin, r, t, rule.twins[t], rule.letters));
    for (const Pattern& target : rule.to) form.targets.insert(target, static_cast<std::uint32_t>(r));
  }
  for (std::size_t h = 0; h < form.harmless.size(); ++h) {
    add(form.harmless[h].name, leaf_of(Leaf::Kind::kHarmless, h, 0, form.harmless[h].name, {}));
  }
}

std::string substitute_at(std::string_view text, YamlMark mark, const Variables& variables, int depth, TableFaults& faults) {
  std::string out;
  while (true) {
    const auto open = text.find("${");
    out += text.substr(0, open);
    if (open == std::string_view::npos) return out;
    const auto close = text.find('}', open);
    const auto name = text.substr(open + 2, close == std::string_view::npos ? 0 : close - open - 2);
    const auto variable = variables.find(name);
    if (close == std::string_view::npos || variable == variables.end() || depth == kFragmentDepth) {
      faults.add(mark, "TN-TABLE-VARIABLE", fmt::format("\"{}\": no variable ${{{}}} is defined here", text, name));
      return out + "undefined";
    }
    out += substitute_at(variable->second, mark, variables, depth + 1, faults);
    text.remove_prefix(close + 1);
  }
}

}  // namespace

std::vector<FormChoice> form_choices(const LayoutTable& layout) {
  std::vector<FormChoice> choices = {{}};
  for (const SpellingGroup& group : layout.groups) {
    std::vector<FormChoice> longer;
    for (const FormChoice& choice : choices) {
      for (std::size_t a = 0; a < group.alternatives.size() && longer.size() < kForms; ++a) {
        longer.push_back(choice);
        longer.back().push_back(static_cast<std::uint8_t>(a));
      }
    }
    choices = std::move(longer);
  }
  return choices;
}

Variables form_variables(const LayoutTable& layout, const FormChoice& choice) {
  Variables variables = layout.vars;
  for (std::size_t g = 0; g < choice.size(); ++g) {
    for (const auto& [name, text] : layout.groups[g].alternatives[choice[g]].set) variables[name] = text;
  }
  return variables;
}

std::string substitute(const Template& text, const Variables& variables, TableFaults& faults) {
  return substitute_at(text.text, text.mark, variables, 0, faults);
}

bool when_holds(const std::vector<std::pair<std::string, std::string>>& when,
                const LayoutTable& layout,
                const FormChoice& choice,
                YamlMark mark,
                TableFaults& faults) {
  bool holds = true;
  for (const auto& entry : when) {
    const std::string& group_name = entry.first;  // clang cannot capture a structured binding
    const std::string& wanted = entry.second;
    const auto group = std::find_if(layout.groups.begin(), layout.groups.end(), [&](const SpellingGroup& g) { return g.name == group_name; });
    const bool known = group != layout.groups.end() &&
                       std::any_of(group->alternatives.begin(), group->alternatives.end(), [&](const Alternative& a) { return a.name == wanted; });
    if (!known) {
      faults.add(mark, "TN-TABLE-SPELLING", fmt::format("the layout has no spelling \"{}: {}\"", group_name, wanted));
      continue;
    }
    const auto position = static_cast<std::size_t>(group - layout.groups.begin());
    holds = holds && group->alternatives[choice[position]].name == wanted;
  }
  return holds;
}

Form expand_form(const FamilyTable& family,
                 const LayoutTable& layout,
                 const FormChoice& choice,
                 const std::vector<EmittedRow>& emitted,
                 TableFaults& faults) {
  Form form;
  form.layout = layout.name;
  form.variables = form_variables(layout, choice);
  std::string spellings;
  for (std::size_t g = 0; g < choice.size(); ++g) {
    const std::string& name = layout.groups[g].alternatives[choice[g]].name;
    form.choices.emplace_back(layout.groups[g].name, name);
    if (g > 0 && layout.groups[g].alternatives.size() > 1) spellings += (spellings.empty() ? "" : ", ") + name;
  }
  form.label = spellings.empty() ? layout.name : layout.name + " (" + spellings + ")";
  const Scope scope{family, layout, choice, form, faults};
  expand_rows(scope, layout.rows, form.variables, 0);
  expand_emitted(scope, emitted, form.variables);
  expand_harmless(scope, form.variables);
  build_tries(form);
  return form;
}

}  // namespace tenon
