#include "runtime/identify/nearest.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "runtime/mapping/form.h"

namespace tenon {
namespace {

constexpr std::size_t kNames = 20'000;  // an unknown file of millions needs no better answer than its first names give

// How many of a form's rows match some name, whatever stands before it.
std::size_t rows_met(const Form& form, const Checkpoint& checkpoint) {
  std::set<std::uint32_t> rows;
  const auto count = std::min(checkpoint.tensors.size(), kNames);
  for (std::size_t t = 0; t < count; ++t) {
    std::string_view rest = checkpoint.tensors[t].name;
    while (true) {
      const auto match = form.sources.match(rest);
      if (match && form.leaves[match->first].kind == Leaf::Kind::kSource) rows.insert(form.leaves[match->first].rule);
      const auto dot = rest.find('.');
      if (dot == std::string_view::npos) break;
      rest.remove_prefix(dot + 1);
    }
  }
  return rows.size();
}

}  // namespace

std::string nearest_known(const Checkpoint& checkpoint, const Tables& tables) {
  std::string nearest;
  std::size_t best_met = 0;
  std::size_t best_rows = 1;
  for (const FamilyTable& family : tables.families()) {
    for (const LayoutTable& layout : family.layouts) {
      if (layout.rows.empty() || !layout.like.empty()) continue;
      for (const FormChoice& choice : form_choices(layout)) {
        if (choice[0] != 0) continue;  // another root makes no other names: prefixes are stripped anyway
        TableFaults ignored;
        const Form form = expand_form(family, layout, choice, {}, ignored);
        if (form.rules.empty()) continue;
        const auto met = rows_met(form, checkpoint);
        if (met * best_rows <= best_met * form.rules.size()) continue;
        best_met = met;
        best_rows = form.rules.size();
        nearest = fmt::format("{} ({}): {} of its {} names are there", family.name, layout.name, met, form.rules.size());
      }
    }
  }
  return nearest;
}

}  // namespace tenon
