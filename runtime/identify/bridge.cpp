#include "runtime/identify/bridge.h"

#include <algorithm>
#include <utility>

#include "runtime/mapping/expr.h"
#include "runtime/mapping/mapper.h"

namespace tenon {
namespace {

// The mapped tensors as if they were a file's, so that the same code applies the bridge's rows.
Checkpoint as_checkpoint(const Mapped& mapped) {
  Checkpoint names;
  for (const MappedTensor& tensor : mapped.tensors) {
    TensorEntry entry;
    entry.name = tensor.target;
    entry.dtype = tensor.type.dtype;
    entry.shape = tensor.type.shape;
    names.tensors.push_back(std::move(entry));
  }
  std::sort(names.tensors.begin(), names.tensors.end(), [](const TensorEntry& a, const TensorEntry& b) { return a.name < b.name; });
  return names;
}

const MappedTensor& by_target(const Mapped& mapped, const std::string& target) {
  return *std::find_if(mapped.tensors.begin(), mapped.tensors.end(), [&](const MappedTensor& t) { return t.target == target; });
}

// The expression's sources moved `offset` places on.
Expr shifted(const Expr& expr, std::size_t offset, std::size_t count) {
  std::vector<Expr> moved;
  for (std::size_t i = 0; i < count; ++i) moved.push_back(source_expr(i + offset));
  return substitute(expr, moved);
}

MappedTensor compose(const MappedTensor& outer, const Checkpoint& names, const Mapped& mapped) {
  MappedTensor tensor = outer;
  tensor.sources.clear();
  std::vector<Expr> inner;
  for (const std::uint32_t source : outer.sources) {
    const MappedTensor& from = by_target(mapped, names.tensors[source].name);
    inner.push_back(shifted(from.expr, tensor.sources.size(), from.sources.size()));
    tensor.sources.insert(tensor.sources.end(), from.sources.begin(), from.sources.end());
  }
  tensor.expr = substitute(outer.expr, inner);
  return tensor;
}

}  // namespace

const BridgeTable* find_bridge(const FamilyTable& to, std::string_view from) {
  for (const BridgeTable& bridge : to.bridges) {
    if (bridge.from == from) return &bridge;
  }
  return nullptr;
}

Mapped cross_bridge(const FamilyTable& to, const BridgeTable& bridge, Mapped mapped) {
  const Checkpoint names = as_checkpoint(mapped);
  TableFaults ignored;  // proved with the table
  const Form form = expand_form(to, bridge.layout, form_choices(bridge.layout).front(), {}, ignored);
  Mapped across = map_claims(form, names, claim_all(form, names, ""));
  Mapped result;
  for (const MappedTensor& tensor : across.tensors) result.tensors.push_back(compose(tensor, names, mapped));
  std::vector<bool> taken(names.tensors.size(), false);
  for (const MappedTensor& tensor : across.tensors) {
    for (const auto source : tensor.sources) taken[source] = true;
  }
  for (const IgnoredTensor& item : across.ignored) {
    taken[item.tensor] = true;
    for (const auto source : by_target(mapped, names.tensors[item.tensor].name).sources) {
      result.ignored.push_back({source, item.reason, item.derived, item.target});
    }
  }
  for (std::size_t n = 0; n < taken.size(); ++n) {
    if (taken[n]) continue;
    const auto& sources = by_target(mapped, names.tensors[n].name).sources;
    result.unexpected.insert(result.unexpected.end(), sources.begin(), sources.end());
  }
  result.unexpected.insert(result.unexpected.end(), mapped.unexpected.begin(), mapped.unexpected.end());
  result.ignored.insert(result.ignored.end(), mapped.ignored.begin(), mapped.ignored.end());
  result.problems = std::move(mapped.problems);
  result.pending = std::move(mapped.pending);
  return result;
}

}  // namespace tenon
