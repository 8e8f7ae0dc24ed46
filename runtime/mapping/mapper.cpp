#include "runtime/mapping/mapper.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "runtime/io/natural_order.h"
#include "runtime/io/text.h"
#include "runtime/mapping/expr.h"

namespace tenon {
namespace {

bool same_indices(const Captures& a, const Captures& b) {
  return std::equal(a.values, a.values + a.count, b.values, b.values + b.count);
}

bool indices_before(const Captures& a, const Captures& b) {
  return std::lexicographical_compare(a.values, a.values + a.count, b.values, b.values + b.count);
}

// The claims of one row at one set of indices.
class Group {
 public:
  Group(const Form& form, const Checkpoint& checkpoint, std::span<const Claim> claims, Mapped& mapped)
      : form_(form), checkpoint_(checkpoint), rule_(form.rules[form.leaves[claims.front().leaf].rule]),
        indices_(claims.front().indices), mapped_(mapped), sources_(rule_.from.size()) {
    for (const Claim& claim : claims) {
      if (form.leaves[claim.leaf].kind == Leaf::Kind::kSource) take_source(claim);
    }
    for (const Claim& claim : claims) {
      if (form.leaves[claim.leaf].kind == Leaf::Kind::kTwin) take_twin(claim);
    }
  }

  void map() {
    const auto absent = std::find(sources_.begin(), sources_.end(), std::nullopt);
    if (absent != sources_.end()) return say_incomplete(static_cast<std::size_t>(absent - sources_.begin()));
    std::vector<std::uint32_t> tensors;
    std::vector<TensorType> types;
    for (const auto& source : sources_) {
      tensors.push_back(*source);
      types.push_back({checkpoint_.tensors[*source].dtype, checkpoint_.tensors[*source].shape});
      if (rule_.zero) mapped_.pending.push_back({ValueCondition::Kind::kZero, name(*source), {}});
    }
    for (std::size_t t = 0; t < rule_.to.size(); ++t) map_target(t, tensors, types);
  }

 private:
  [[nodiscard]] const std::string& name(std::uint32_t tensor) const { return checkpoint_.tensors[tensor].name; }
  [[nodiscard]] std::string target(std::size_t position) const {
    return fill_indices(rule_.to[position], rule_.letters, indices_);
  }

  void take_source(const Claim& claim) {
    auto& slot = sources_[form_.leaves[claim.leaf].position];
    if (!slot) {
      slot = claim.tensor;
      return;
    }
    MappingProblem problem;
    problem.target = target(0);
    problem.sources = {*slot, claim.tensor};
    problem.duplicate = true;
    problem.message = fmt::format("{} is there twice: {} and {}", io::quoted(problem.target, 96), io::quoted(name(*slot), 96),
                                  io::quoted(name(claim.tensor), 96));
    mapped_.problems.push_back(std::move(problem));
  }

  void take_twin(const Claim& claim) {
    auto& slot = sources_[0];
    if (!slot) {
      slot = claim.tensor;
      return;
    }
    mapped_.ignored.push_back({claim.tensor, fmt::format("a twin of {}, which counts", io::quoted(name(*slot), 128)), false, target(0)});
    mapped_.pending.push_back({ValueCondition::Kind::kEqualsTwin, name(*slot), name(claim.tensor)});
  }

  void say_incomplete(std::size_t absent) {
    MappingProblem problem;
    problem.target = target(0);
    std::vector<std::uint32_t> present;
    for (const auto& source : sources_) {
      if (source) present.push_back(*source);
    }
    problem.sources = joined_sources();
    if (problem.sources.empty()) problem.sources = present;
    problem.message = fmt::format("{} needs \"{}\" beside {}", io::quoted(problem.target, 96), rule_.from[absent].to_string(),
                                  present.empty() ? "the rest" : io::quoted(name(present[0]), 96));
    mapped_.problems.push_back(std::move(problem));
  }

  /// The sources in the order in which the row joins them; empty where it does something else with them.
  [[nodiscard]] std::vector<std::uint32_t> joined_sources() const {
    std::vector<std::uint32_t> joined;
    const Expr& expr = rule_.exprs[0];
    if (expr.op != OpKind::kConcat || expr.args[0] != 0) return joined;
    for (const Expr& operand : expr.operands) {
      if (operand.op != OpKind::kSource) return {};
      joined.push_back(sources_[static_cast<std::size_t>(operand.args[0])].value_or(kAbsentSource));
    }
    return joined;
  }

  /// Which file tensors the numbers of an expression are.
  [[nodiscard]] std::string say_sources(const std::vector<std::uint32_t>& tensors) const {
    std::string text;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      text += fmt::format("{}${} is {}", i == 0 ? "; " : ", ", i + 1, io::quoted(name(tensors[i]), 96));
    }
    return text;
  }

  void map_target(std::size_t position, const std::vector<std::uint32_t>& tensors, const std::vector<TensorType>& types) {
    const auto resolved = resolve(rule_.exprs[position], types);
    const auto type = resolved ? infer(*resolved, types) : Result<TensorType>(tl::unexpected(resolved.error()));
    if (!type) {
      mapped_.problems.push_back({target(position), tensors, type.error().message + say_sources(tensors), false});
      return;
    }
    mapped_.tensors.push_back({target(position), tensors, *resolved, *type, rule_.id, {}});
  }

  const Form& form_;
  const Checkpoint& checkpoint_;
  const Rule& rule_;
  const Captures& indices_;
  Mapped& mapped_;
  std::vector<std::optional<std::uint32_t>> sources_;
};

void ignore(const Form& form, const Checkpoint& checkpoint, const Claim& claim, Mapped& mapped) {
  const HarmlessRule& rule = form.harmless[form.leaves[claim.leaf].rule];
  mapped.ignored.push_back({claim.tensor, rule.because, rule.derived, rule.target});
  if (rule.zero) mapped.pending.push_back({ValueCondition::Kind::kZero, checkpoint.tensors[claim.tensor].name, {}});
}

}  // namespace

std::pair<std::uint32_t, std::uint32_t> tensors_with_prefix(const Checkpoint& checkpoint, std::string_view prefix) {
  const auto& tensors = checkpoint.tensors;
  const auto first = std::lower_bound(tensors.begin(), tensors.end(), prefix,
                                      [](const TensorEntry& entry, std::string_view p) { return std::string_view(entry.name) < p; });
  const auto last = std::partition_point(first, tensors.end(), [&](const TensorEntry& entry) { return entry.name.starts_with(prefix); });
  return {static_cast<std::uint32_t>(first - tensors.begin()), static_cast<std::uint32_t>(last - tensors.begin())};
}

std::optional<Claim> claim(const Form& form, std::string_view name, std::uint32_t tensor) {
  const auto match = form.sources.match(name);
  if (!match) return std::nullopt;
  const auto& [leaf_index, captures] = *match;
  const Leaf& leaf = form.leaves[leaf_index];
  Claim claim{tensor, leaf_index, {}};
  if (leaf.kind == Leaf::Kind::kHarmless) return claim;
  claim.indices.count = static_cast<std::uint32_t>(form.rules[leaf.rule].letters.size());
  for (std::uint32_t i = 0; i < claim.indices.count; ++i) claim.indices.values[i] = captures.values[leaf.order[i]];
  return claim;
}

std::vector<Claim> claim_all(const Form& form, const Checkpoint& checkpoint, std::string_view prefix) {
  std::vector<Claim> claims;
  const auto [first, last] = tensors_with_prefix(checkpoint, prefix);
  for (std::uint32_t t = first; t < last; ++t) {
    const std::string_view name = checkpoint.tensors[t].name;
    if (auto found = claim(form, name.substr(prefix.size()), t)) claims.push_back(*found);
  }
  return claims;
}

std::string target_of(const Form& form, const Claim& claim) {
  const Leaf& leaf = form.leaves[claim.leaf];
  if (leaf.kind == Leaf::Kind::kHarmless) return {};
  const Rule& rule = form.rules[leaf.rule];
  return fill_indices(rule.to[0], rule.letters, claim.indices);
}

std::string fill_indices(const Pattern& pattern, std::string_view letters, const Captures& values) {
  std::string name;
  for (const Segment& segment : pattern.segments()) {
    if (!name.empty()) name += '.';
    const auto letter = segment.kind == Segment::Kind::kIndex ? letters.find(segment.text) : std::string_view::npos;
    name += letter != std::string_view::npos ? std::to_string(values.values[letter]) : segment.text;
  }
  return name;
}

Mapped map_claims(const Form& form, const Checkpoint& checkpoint, std::vector<Claim> claims) {
  Mapped mapped;
  const auto rule_of = [&](const Claim& c) { return form.leaves[c.leaf].rule; };
  const auto harmless = std::stable_partition(claims.begin(), claims.end(), [&](const Claim& c) {
    return form.leaves[c.leaf].kind != Leaf::Kind::kHarmless;
  });
  for (auto c = harmless; c != claims.end(); ++c) ignore(form, checkpoint, *c, mapped);
  std::stable_sort(claims.begin(), harmless, [&](const Claim& a, const Claim& b) {
    if (rule_of(a) != rule_of(b)) return rule_of(a) < rule_of(b);
    return indices_before(a.indices, b.indices);
  });
  for (auto first = claims.begin(); first != harmless;) {
    const auto last = std::find_if(first, harmless, [&](const Claim& c) {
      return rule_of(c) != rule_of(*first) || !same_indices(c.indices, first->indices);
    });
    Group(form, checkpoint, {first, last}, mapped).map();
    first = last;
  }
  std::sort(mapped.tensors.begin(), mapped.tensors.end(),
            [](const MappedTensor& a, const MappedTensor& b) { return natural_less(a.target, b.target); });
  std::sort(mapped.ignored.begin(), mapped.ignored.end(),
            [](const IgnoredTensor& a, const IgnoredTensor& b) { return a.tensor < b.tensor; });
  return mapped;
}

}  // namespace tenon
