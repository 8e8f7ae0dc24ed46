#include "runtime/mapping/proof.h"

#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace tenon {
namespace {

struct Named {
  std::string pattern;
  YamlMark mark;
  std::string place;  // "row 57" or "harmless"
};

Named describe_leaf(const Form& form, std::uint32_t index) {
  const Leaf& leaf = form.leaves[index];
  if (leaf.kind == Leaf::Kind::kHarmless) return {form.harmless[leaf.rule].name.to_string(), {}, "a harmless name"};
  const Rule& rule = form.rules[leaf.rule];
  const Pattern& pattern = leaf.kind == Leaf::Kind::kSource ? rule.from[leaf.position] : rule.twins[leaf.position];
  return {pattern.to_string(), rule.mark, fmt::format("the row in line {}", rule.mark.line)};
}

void fault_overlap(const Form& form, const Named& a, const Named& b, std::string_view code, std::string_view what, TableFaults& faults) {
  faults.add(b.mark.line != 0 ? b.mark : a.mark, std::string(code),
             fmt::format("layout {}: \"{}\" ({}) and \"{}\" ({}) {}", form.label, a.pattern, a.place, b.pattern, b.place, what));
}

// Indices by position, so that the letters' names do not matter.
std::string shape_of(const Pattern& pattern) {
  std::string text;
  for (const Segment& segment : pattern.segments()) {
    text += segment.kind == Segment::Kind::kIndex ? "{}" : segment.text;
    text += '.';
  }
  return text;
}

// Whether no tensor can be the wanted one and not the unwanted: an unwanted item with a size of its own leaves room for the other sizes.
bool contradicts(const EvidenceItem& wanted, const EvidenceItem& unwanted) {
  const auto leaves_none = [](const auto& limit, const auto& of_wanted) { return !limit || limit == of_wanted; };
  return wanted.name.text == unwanted.name.text && leaves_none(unwanted.rank, wanted.rank) &&
         leaves_none(unwanted.shape, wanted.shape) && leaves_none(unwanted.count, wanted.count);
}

void prove_spellings(const LayoutTable& layout, TableFaults& faults) {
  for (const SpellingGroup& group : layout.groups) {
    for (const Alternative& alternative : group.alternatives) {
      for (const EvidenceItem& wanted : alternative.all) {
        for (const EvidenceItem& unwanted : alternative.none) {
          if (!contradicts(wanted, unwanted)) continue;
          faults.add(alternative.mark, "TN-TABLE-SPELLING",
                     fmt::format("\"{}\" can never hold: \"{}\" must be there and must not", alternative.name, wanted.name.text));
        }
      }
    }
  }
}

void prove_evidence(const FamilyTable& family, const LayoutTable& layout, const FormChoice& choice, TableFaults& faults) {
  const Variables variables = form_variables(layout, choice);
  SegmentSets sets;
  for (const auto& [name, set] : family.sets) sets.emplace(name, set.from);
  const auto check = [&](const Template& text) {
    if (auto pattern = Pattern::parse(substitute(text, variables, faults), PatternUse::kSelect, sets); !pattern) {
      faults.add(text.mark, "TN-TABLE-PATTERN", pattern.error());
    }
  };
  for (const auto* items : {&layout.anchors, &layout.all, &layout.any, &layout.none}) {
    for (const EvidenceItem& item : *items) check(item.name);
  }
  for (std::size_t g = 0; g < choice.size(); ++g) {
    const Alternative& alternative = layout.groups[g].alternatives[choice[g]];
    for (const auto* items : {&alternative.all, &alternative.none}) {
      for (const EvidenceItem& item : *items) check(item.name);
    }
    for (const auto* items : {&alternative.write.all, &alternative.write.none}) {
      for (const Template& item : *items) check(item);
    }
  }
  for (const Template& text : layout.claims) check(text);
  for (const ReadRule& rule : layout.reads) {
    for (const ReadCall& call : rule.calls) check(call.pattern);
  }
}

void prove_layout(const FamilyTable& family, const LayoutTable& layout, std::set<std::string>* own, TableFaults& faults) {
  prove_spellings(layout, faults);
  const bool is_own = layout.name == family.own;
  for (const FormChoice& choice : form_choices(layout)) {
    prove_evidence(family, layout, choice, faults);
    const Form form = expand_form(family, layout, choice, {}, faults);
    prove_form(form, faults);
    if (own == nullptr) continue;
    for (const Rule& rule : form.rules) {
      for (const Pattern& target : rule.to) {
        if (is_own) {
          own->insert(shape_of(target));
        } else if (!own->contains(shape_of(target))) {
          faults.add(rule.mark, "TN-TABLE-OWN", fmt::format("\"{}\" is no target of the own layout {}", target.to_string(), family.own));
        }
      }
    }
  }
}

void prove_reads(const FamilyTable& family, TableFaults& faults) {
  SegmentSets sets;
  for (const auto& [name, set] : family.sets) sets.emplace(name, set.to);
  for (const ReadRule& rule : family.reads) {
    for (const ReadCall& call : rule.calls) {
      if (auto pattern = SelectPattern::parse(substitute(call.pattern, {}, faults), sets); !pattern) {
        faults.add(rule.mark, "TN-TABLE-PATTERN", pattern.error());
      }
    }
  }
}

}  // namespace

void prove_form(const Form& form, TableFaults& faults) {
  for (const auto& [a, b] : form.sources.overlaps()) {
    fault_overlap(form, describe_leaf(form, a), describe_leaf(form, b), "TN-TABLE-OVERLAP", "can take one name", faults);
  }
  for (const auto& [a, b] : form.targets.overlaps()) {
    const Rule& x = form.rules[a];
    const Rule& y = form.rules[b];
    fault_overlap(form, {x.to[0].to_string(), x.mark, fmt::format("the row in line {}", x.mark.line)},
                  {y.to[0].to_string(), y.mark, fmt::format("the row in line {}", y.mark.line)}, "TN-TABLE-TARGET",
                  "can make one target", faults);
  }
}

void prove_family(const FamilyTable& family, TableFaults& faults) {
  std::set<std::string> own;
  const LayoutTable* own_layout = family.layout(family.own);
  const bool complete = own_layout != nullptr && !own_layout->emitted;
  if (own_layout != nullptr) prove_layout(family, *own_layout, complete ? &own : nullptr, faults);
  for (const LayoutTable& layout : family.layouts) {
    if (&layout != own_layout) prove_layout(family, layout, complete ? &own : nullptr, faults);
  }
  for (const BridgeTable& bridge : family.bridges) prove_layout(family, bridge.layout, complete ? &own : nullptr, faults);
  prove_reads(family, faults);
}

}  // namespace tenon
