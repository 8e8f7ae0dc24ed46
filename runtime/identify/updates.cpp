#include "runtime/identify/updates.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>

namespace tenon {
namespace {

/// The name without the ending of the list that it has.
std::optional<std::string_view> without_ending(std::string_view name, const std::vector<std::string>& endings) {
  for (const std::string& ending : endings) {
    if (name.ends_with(ending)) return name.substr(0, name.size() - ending.size());
  }
  return std::nullopt;
}

void replace(std::string& text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  if (at != std::string::npos) text.replace(at, from.size(), to);
}

using Key = std::pair<std::string, std::string>;  // family, module

Key module_of(std::string_view stem, const UpdateTable& table) {
  Key key;
  const auto model = std::find_if(table.models.begin(), table.models.end(), [&](const auto& m) { return stem.starts_with(m.first); });
  if (model != table.models.end()) {
    key.first = model->second;
    stem.remove_prefix(model->first.size());
  }
  key.second = stem;
  for (const auto& [from, to] : table.rename) replace(key.second, from, to);
  return key;
}

}  // namespace

std::vector<ModuleUpdate> read_updates(const Checkpoint& checkpoint,
                                       const std::vector<std::uint32_t>& tensors,
                                       std::string_view prefix,
                                       const UpdateTable& table) {
  std::map<Key, ModuleUpdate> modules;
  for (const std::uint32_t t : tensors) {
    const TensorEntry& entry = checkpoint.tensors[t];
    const std::string_view name = std::string_view(entry.name).substr(prefix.size());
    const auto input = without_ending(name, table.inputs);
    const auto output = input ? std::nullopt : without_ending(name, table.outputs);
    if (!input && !output) continue;
    const Key key = module_of(input ? *input : *output, table);
    ModuleUpdate& update = modules[key];
    update.family = key.first;
    update.module = key.second;
    update.flat = table.flat;
    if (input && entry.shape.size() > 1) update.inputs = entry.shape[1];
    if (output && !entry.shape.empty()) update.outputs = entry.shape[0];
  }
  std::vector<ModuleUpdate> list;
  for (auto& [key, update] : modules) list.push_back(std::move(update));
  return list;
}

}  // namespace tenon
