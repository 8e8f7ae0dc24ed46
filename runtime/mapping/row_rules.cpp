#include "runtime/mapping/row_rules.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "runtime/mapping/expr.h"

namespace tenon {
namespace {

// The sets that a pattern uses, in order, each once.
void collect_sets(const Pattern& pattern, std::vector<std::string>& names) {
  for (const Segment& segment : pattern.segments()) {
    if (segment.kind != Segment::Kind::kSet) continue;
    if (std::find(names.begin(), names.end(), segment.text) == names.end()) names.push_back(segment.text);
  }
}

Pattern choose(const Pattern& pattern, const std::vector<std::string>& names, const std::vector<std::size_t>& picks) {
  std::vector<Segment> segments = pattern.segments();
  for (Segment& segment : segments) {
    if (segment.kind != Segment::Kind::kSet) continue;
    const auto position = static_cast<std::size_t>(std::find(names.begin(), names.end(), segment.text) - names.begin());
    segment = Segment{Segment::Kind::kLiteral, segment.choices[picks[position]], {}};
  }
  return Pattern::of(std::move(segments));
}

// Counts through all picks; false after the last.
bool next(std::vector<std::size_t>& picks, const std::vector<std::size_t>& sizes) {
  for (std::size_t i = picks.size(); i-- > 0;) {
    if (++picks[i] < sizes[i]) return true;
    picks[i] = 0;
  }
  return false;
}

}  // namespace

std::string index_letters(const Pattern& pattern) {
  std::string letters;
  for (const Segment& segment : pattern.segments()) {
    if (segment.kind == Segment::Kind::kIndex) letters += segment.text;
  }
  return letters;
}

std::vector<Pattern> without_sets(const Pattern& pattern) {
  std::vector<std::string> names;
  collect_sets(pattern, names);
  std::vector<std::size_t> sizes;
  for (const std::string& name : names) {
    for (const Segment& segment : pattern.segments()) {
      if (segment.kind == Segment::Kind::kSet && segment.text == name) {
        sizes.push_back(segment.choices.size());
        break;
      }
    }
  }
  std::vector<Pattern> patterns;
  std::vector<std::size_t> picks(names.size(), 0);
  do patterns.push_back(choose(pattern, names, picks));
  while (next(picks, sizes));
  return patterns;
}

void RowRules::fault(YamlMark mark, std::string_view code, const std::string& message) {
  faults_.add(mark, std::string(code), message);
}

bool RowRules::parse_side(const std::vector<Template>& texts, const SegmentSets& sets, std::vector<Pattern>& patterns) {
  for (const Template& text : texts) {
    auto pattern = Pattern::parse(substitute(text, variables_, faults_), PatternUse::kRow, sets);
    if (!pattern) {
      fault(text.mark, "TN-TABLE-PATTERN", pattern.error());
      return false;
    }
    const std::string letters = index_letters(*pattern);
    for (std::size_t i = 0; i < letters.size(); ++i) {
      if (letters.find(letters[i], i + 1) != std::string::npos || letters.size() > Captures::kMax) {
        fault(text.mark, "TN-TABLE-INDEX", fmt::format("\"{}\": an index stands twice, or there are too many", pattern->to_string()));
        return false;
      }
    }
    patterns.push_back(*std::move(pattern));
  }
  return true;
}

bool RowRules::parse_exprs(const RowTemplate& row, Rule& rule) {
  std::vector<bool> used(row.from.size(), false);
  if (row.exprs.empty() && (row.from.size() != 1 || row.to.size() != 1)) {
    fault(row.mark, "TN-TABLE-EXPR", "a row with several sources or targets needs an expression for each target");
    return false;
  }
  if (!row.exprs.empty() && row.exprs.size() != row.to.size()) {
    fault(row.mark, "TN-TABLE-EXPR", fmt::format("{} expressions for {} targets", row.exprs.size(), row.to.size()));
    return false;
  }
  if (row.exprs.empty()) {
    rule.exprs.push_back(source_expr(0));
    return true;
  }
  for (const Template& text : row.exprs) {
    auto expr = parse_expr(substitute(text, variables_, faults_), row.from.size());
    if (!expr) {
      fault(text.mark, "TN-TABLE-EXPR", expr.error());
      return false;
    }
    mark_sources(*expr, used);
    rule.exprs.push_back(*std::move(expr));
  }
  const auto unused = std::find(used.begin(), used.end(), false);
  if (unused == used.end()) return true;
  fault(row.mark, "TN-TABLE-EXPR", fmt::format("no target uses the source ${}", unused - used.begin() + 1));
  return false;
}

bool RowRules::find_way_back(const RowTemplate& row, const Parsed& parsed, Rule& rule) {
  rule.invents = row.invents;
  if (row.no_way_back) return true;
  if (row.back.empty()) {
    rule.back = invert(rule.exprs, row.from.size());
    if (rule.back) return true;
    fault(row.mark, "TN-TABLE-INVERSE", "this row has no inverse of its own; state it with `back`");
    return false;
  }
  std::vector<Expr> back(row.from.size());
  std::vector<bool> seen(row.from.size(), false);
  for (const auto& [source, text] : row.back) {
    const std::string wanted = substitute(source, variables_, faults_);
    const auto at = std::find_if(parsed.from.begin(), parsed.from.end(), [&](const Pattern& p) { return p.to_string() == wanted; });
    if (at == parsed.from.end()) {
      fault(source.mark, "TN-TABLE-INVERSE", fmt::format("`back` names \"{}\", which is no source of this row", wanted));
      return false;
    }
    auto expr = parse_expr(substitute(text, variables_, faults_), row.to.size());
    if (!expr) {
      fault(text.mark, "TN-TABLE-EXPR", expr.error());
      return false;
    }
    const auto position = static_cast<std::size_t>(at - parsed.from.begin());
    back[position] = *std::move(expr);
    seen[position] = true;
  }
  if (std::find(seen.begin(), seen.end(), false) != seen.end()) {
    fault(row.mark, "TN-TABLE-INVERSE", "`back` must give every source");
    return false;
  }
  rule.back = std::move(back);
  return true;
}

bool RowRules::check_indices(const RowTemplate& row, const Parsed& parsed, Rule& rule) {
  rule.letters = index_letters(parsed.to.front());
  std::string sorted = rule.letters;
  std::sort(sorted.begin(), sorted.end());
  std::string drops;
  for (const std::string& drop : row.drops) drops += drop;
  for (const Pattern& target : parsed.to) {
    std::string letters = index_letters(target);
    std::sort(letters.begin(), letters.end());
    if (letters != sorted) {
      fault(row.mark, "TN-TABLE-INDEX", fmt::format("the targets of a row have the same indices; \"{}\" has not", target.to_string()));
      return false;
    }
  }
  std::vector<Pattern> sources = parsed.from;
  sources.insert(sources.end(), parsed.twins.begin(), parsed.twins.end());
  for (const Pattern& source : sources) {
    const std::string letters = index_letters(source);
    for (const char letter : rule.letters) {
      if (letters.find(letter) != std::string::npos) continue;
      fault(row.mark, "TN-TABLE-INDEX", fmt::format("\"{}\" has no index {{{}}} for its target", source.to_string(), letter));
      return false;
    }
    for (const char letter : letters) {
      if (rule.letters.find(letter) != std::string::npos || drops.find(letter) != std::string::npos) continue;
      fault(row.mark, "TN-TABLE-INDEX", fmt::format("the index {{{}}} of \"{}\" has no place in the target; say `drops: [{}]`", letter, source.to_string(), letter));
      return false;
    }
  }
  return true;
}

bool RowRules::check_sets(const RowTemplate& row, const Parsed& parsed) {
  std::vector<std::string> source_sets;
  for (const Pattern& source : parsed.from) collect_sets(source, source_sets);
  std::vector<std::string> target_sets;
  for (const Pattern& target : parsed.to) collect_sets(target, target_sets);
  for (const Pattern& twin : parsed.twins) collect_sets(twin, target_sets);
  std::sort(source_sets.begin(), source_sets.end());
  std::sort(target_sets.begin(), target_sets.end());
  for (const std::string& name : source_sets) {
    if (!std::binary_search(target_sets.begin(), target_sets.end(), name)) {
      fault(row.mark, "TN-TABLE-SET", fmt::format("the set {{{}}} of a source stands in no target", name));
      return false;
    }
  }
  for (const std::string& name : target_sets) {
    if (!std::binary_search(source_sets.begin(), source_sets.end(), name)) {
      fault(row.mark, "TN-TABLE-SET", fmt::format("the set {{{}}} of a target stands in no source", name));
      return false;
    }
  }
  return true;
}

std::vector<Rule> RowRules::write_out(const Parsed& parsed, const Rule& base) {
  std::vector<std::string> names;
  for (const Pattern& source : parsed.from) collect_sets(source, names);
  std::vector<std::size_t> sizes;
  for (const std::string& name : names) sizes.push_back(sets_.find(name)->second.from.size());
  std::vector<Rule> rules;
  std::vector<std::size_t> picks(names.size(), 0);
  do {
    Rule rule = base;
    for (const Pattern& source : parsed.from) rule.from.push_back(choose(source, names, picks));
    for (const Pattern& target : parsed.to) rule.to.push_back(choose(target, names, picks));
    for (const Pattern& twin : parsed.twins) rule.twins.push_back(choose(twin, names, picks));
    rules.push_back(std::move(rule));
  } while (next(picks, sizes));
  return rules;
}

std::vector<Rule> RowRules::expand(const RowTemplate& row) {
  sets_ = row.sets;
  for (const auto& [name, set] : family_sets_) {
    if (!sets_.emplace(name, set).second) fault(row.mark, "TN-TABLE-SET", fmt::format("the set \"{}\" hides the family's", name));
  }
  SegmentSets source_sets;
  SegmentSets target_sets;
  for (const auto& [name, set] : sets_) {
    source_sets.emplace(name, set.from);
    target_sets.emplace(name, set.to);
  }
  Parsed parsed;
  Rule rule;
  rule.id = fmt::format("{}#{}", layout_, row.mark.line);
  rule.mark = row.mark;
  rule.zero = row.zero;
  const bool sound = !row.from.empty() && !row.to.empty() && parse_side(row.from, source_sets, parsed.from) &&
                     parse_side(row.to, target_sets, parsed.to) && parse_side(row.twins, source_sets, parsed.twins) &&
                     parse_exprs(row, rule) && find_way_back(row, parsed, rule) && check_sets(row, parsed) &&
                     check_indices(row, parsed, rule);
  return sound ? write_out(parsed, rule) : std::vector<Rule>{};
}

}  // namespace tenon
