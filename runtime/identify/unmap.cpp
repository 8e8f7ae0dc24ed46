// The tables read backwards: a model's own names into the names of a layout.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "runtime/identify/tables.h"
#include "runtime/io/natural_order.h"
#include "runtime/io/text.h"
#include "runtime/mapping/expr.h"
#include "runtime/mapping/mapper.h"
#include "runtime/mapping/row_rules.h"

namespace tenon {
namespace {

using OwnTensors = std::vector<std::pair<std::string, TensorType>>;

Failure refuse(std::string message, std::string remedy) {
  return fail(ErrorKind::kUsage, "TN-CONVERT-LAYOUT", std::move(message), std::move(remedy));
}

// Chooses, per group, the first alternative that may be written for these names and this config.
class FormWriter {
 public:
  FormWriter(const FamilyTable& family, const LayoutTable& layout, const Config& config, const OwnTensors& own)
      : family_(family), layout_(layout), config_(config), own_(own) {
    for (const auto& [name, set] : family.sets) sets_.emplace(name, set.to);
  }

  [[nodiscard]] Result<FormChoice> choose() const {
    FormChoice choice;
    for (const SpellingGroup& group : layout_.groups) {
      const auto fits = std::find_if(group.alternatives.begin(), group.alternatives.end(), [&](const Alternative& a) { return may_write(a.write); });
      if (fits == group.alternatives.end()) {
        return refuse(fmt::format("{} ({}): no spelling of \"{}\" can say this model", family_.name, layout_.name, group.name),
                      "Convert to another layout.");
      }
      choice.push_back(static_cast<std::uint8_t>(fits - group.alternatives.begin()));
    }
    return choice;
  }

 private:
  [[nodiscard]] bool has(const Template& text) const {
    const auto pattern = Pattern::parse(text.text, PatternUse::kSelect, sets_);
    return pattern && std::any_of(own_.begin(), own_.end(), [&](const auto& tensor) { return pattern->matches(tensor.first); });
  }

  [[nodiscard]] bool may_write(const WriteCondition& write) const {
    if (write.never) return false;
    const bool all = std::all_of(write.all.begin(), write.all.end(), [&](const Template& t) { return has(t); });
    const bool none = std::none_of(write.none.begin(), write.none.end(), [&](const Template& t) { return has(t); });
    return all && none && std::all_of(write.config.begin(), write.config.end(), [&](const auto& wanted) {
             const Value* have = config_.find(wanted.first);
             return have != nullptr && *have == wanted.second;
           });
  }

  const FamilyTable& family_;
  const LayoutTable& layout_;
  const Config& config_;
  const OwnTensors& own_;
  SegmentSets sets_;
};

std::vector<EmittedRow> emit_for_config(const FamilyTable& family, const LayoutTable& layout, const Config& config) {
  if (!layout.emitted || family.functions.emit_rows == nullptr) return {};
  Reads reads;
  for (const Config::Item& item : config.items()) reads.emplace(item.key, item.value);
  return family.functions.emit_rows(layout.name, reads);
}

// The targets of one row at one set of indices: positions in `own`, by target.
struct Slot {
  const Rule* rule = nullptr;
  Captures indices;
  std::vector<std::optional<std::uint32_t>> own;
};
using SlotKey = std::pair<std::uint32_t, std::vector<std::int64_t>>;

std::size_t target_position(const Rule& rule, std::string_view name) {
  const auto found = std::find_if(rule.to.begin(), rule.to.end(), [&](const Pattern& p) { return p.matches(name); });
  return static_cast<std::size_t>(found - rule.to.begin());
}

Captures in_rule_order(const Rule& rule, const Pattern& target, const Captures& captured) {
  Captures indices;
  indices.count = static_cast<std::uint32_t>(rule.letters.size());
  const std::string letters = index_letters(target);
  for (std::uint32_t i = 0; i < indices.count; ++i) indices.values[i] = captured.values[letters.find(rule.letters[i])];
  return indices;
}

Result<std::map<SlotKey, Slot>> fill_slots(const Form& form, const OwnTensors& own) {
  std::map<SlotKey, Slot> slots;
  for (std::uint32_t o = 0; o < own.size(); ++o) {
    const auto match = form.targets.match(own[o].first);
    if (!match) {
      return refuse(fmt::format("{}: no row of layout {} writes it", io::quoted(own[o].first, 128), form.label),
                    "Convert to another layout; see `tenon explain` of the tensor.");
    }
    const Rule& rule = form.rules[match->first];
    const auto position = target_position(rule, own[o].first);
    const Captures indices = in_rule_order(rule, rule.to[position], match->second);
    Slot& slot = slots[{match->first, {indices.values, indices.values + indices.count}}];
    slot.rule = &rule;
    slot.indices = indices;
    slot.own.resize(rule.to.size());
    slot.own[position] = o;
  }
  return slots;
}

Result<void> write_slot(const Slot& slot, const OwnTensors& own, std::vector<MappedTensor>& written) {
  const Rule& rule = *slot.rule;
  std::vector<std::uint32_t> sources;
  std::vector<TensorType> types;
  for (std::size_t t = 0; t < slot.own.size(); ++t) {
    const std::string name = fill_indices(rule.to[t], rule.letters, slot.indices);
    if (!slot.own[t]) return refuse(fmt::format("{} is missing, and {} cannot be written without it", name, rule.from[0].to_string()), "");
    if (!rule.back) return refuse(fmt::format("{} cannot be written: {}", name, rule.invents), "Convert to another layout.");
    sources.push_back(*slot.own[t]);
    types.push_back(own[*slot.own[t]].second);
  }
  for (std::size_t s = 0; s < rule.from.size(); ++s) {
    auto expr = resolve((*rule.back)[s], types);
    if (!expr) return tl::unexpected(expr.error());
    auto type = infer(*expr, types);
    if (!type) return tl::unexpected(type.error());
    written.push_back({fill_indices(rule.from[s], rule.letters, slot.indices), sources, *std::move(expr), *std::move(type), rule.id, rule.invents});
  }
  return {};
}

// Scalars that the layout's own files carry beside the weights. They come together or not at all: a reader takes them as the
// mark of what such files mean, and must not be misled about another model.
std::vector<MappedTensor> written_scalars(const Form& form, const Config& config) {
  std::vector<MappedTensor> scalars;
  for (const HarmlessRule& item : form.harmless) {
    if (item.writes.empty()) continue;
    const Value* value = config.find(item.writes);
    const auto number = value != nullptr ? value->as_int() : std::nullopt;
    const bool meant = std::all_of(item.where.begin(), item.where.end(), [&](const auto& wanted) {
      const Value* have = config.find(wanted.first);
      return have != nullptr && *have == wanted.second;
    });
    if (!number || !meant) return {};
    Expr fill;
    fill.op = OpKind::kFill;
    fill.value = static_cast<double>(*number);
    fill.dtype = DType::kI64;
    scalars.push_back({item.name.to_string(), {}, std::move(fill), {DType::kI64, {}}, form.layout});
  }
  return scalars;
}

}  // namespace

Result<std::vector<MappedTensor>> unmap(const Tables& tables, std::string_view family_name, std::string_view layout_name,
                                        const Config& config, const OwnTensors& own) {
  const FamilyTable* family = tables.family(family_name);
  const LayoutTable* layout = family != nullptr ? family->layout(layout_name) : nullptr;
  if (layout == nullptr || family->declined) {
    return refuse(fmt::format("{} has no layout {}", family_name, io::quoted(layout_name)),
                  fmt::format("Layouts: {}.", fmt::join(layout_names(tables, family_name), ", ")));
  }
  const auto choice = FormWriter(*family, *layout, config, own).choose();
  if (!choice) return tl::unexpected(choice.error());
  TableFaults faults;
  const Form form = expand_form(*family, *layout, *choice, emit_for_config(*family, *layout, config), faults);
  if (!faults.empty()) return tl::unexpected(faults.error(family->path));
  const auto slots = fill_slots(form, own);
  if (!slots) return tl::unexpected(slots.error());
  std::vector<MappedTensor> written = written_scalars(form, config);
  for (const auto& [key, slot] : *slots) {
    if (auto done = write_slot(slot, own, written); !done) return tl::unexpected(done.error());
  }
  std::sort(written.begin(), written.end(), [](const MappedTensor& a, const MappedTensor& b) { return natural_less(a.target, b.target); });
  return written;
}

}  // namespace tenon
