#include "runtime/build/own_names.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>

#include "runtime/io/natural_order.h"

namespace tenon::loading {
namespace {

/// Every name the module has, aliases included, with the tensor that it is.
using Names = std::unordered_map<std::string_view, const ExpectedTensor*>;

Names names_of(const ModelSpec& spec) {
  Names names;
  for (const auto& tensor : spec.tensors) {
    names.emplace(tensor.name, &tensor);
    for (const auto& alias : tensor.aliases) names.emplace(alias, &tensor);
  }
  return names;
}

std::string best_prefix(const Checkpoint& checkpoint, const std::vector<std::uint32_t>& tensors, const Names& names) {
  std::map<std::string_view, std::size_t> found;
  for (const auto index : tensors) {
    const std::string_view name = checkpoint.tensors[index].name;
    if (names.count(name) > 0) ++found[""];
    for (auto dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1)) {
      if (names.count(name.substr(dot + 1)) > 0) ++found[name.substr(0, dot + 1)];
    }
  }
  const auto best = std::max_element(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second < b.second : a.first.size() > b.first.size();
  });
  return best == found.end() ? std::string() : std::string(best->first);
}

}  // namespace

Mapped map_own_names(const Checkpoint& checkpoint, const ModelSpec& spec, Part& part) {
  if (part.tensors.empty()) {
    for (std::uint32_t i = 0; i < checkpoint.tensors.size(); ++i) part.tensors.push_back(i);
  }
  const auto names = names_of(spec);
  part.prefix = best_prefix(checkpoint, part.tensors, names);
  part.prefixes = {part.prefix};

  Mapped mapped;
  std::map<const ExpectedTensor*, std::uint32_t> taken;
  for (const auto index : part.tensors) {
    const auto& entry = checkpoint.tensors[index];
    const std::string_view name = entry.name;
    const bool inside = name.substr(0, part.prefix.size()) == part.prefix;
    const auto target = inside ? names.find(name.substr(part.prefix.size())) : names.end();
    if (target == names.end()) {
      mapped.unexpected.push_back(index);
      continue;
    }
    const auto [first, fresh] = taken.emplace(target->second, index);
    if (!fresh) {
      mapped.ignored.push_back({index, "another name of " + target->second->name, false, target->second->name});
      mapped.pending.push_back({ValueCondition::Kind::kEqualsTwin, entry.name, checkpoint.tensors[first->second].name});
      continue;
    }
    Expr source;
    source.args = {0};
    mapped.tensors.push_back({target->second->name, {index}, source, {entry.dtype, entry.shape}, "own names"});
  }
  std::sort(mapped.tensors.begin(), mapped.tensors.end(), [](const auto& a, const auto& b) {
    return natural_less(a.target, b.target);
  });
  return mapped;
}

}  // namespace tenon::loading
