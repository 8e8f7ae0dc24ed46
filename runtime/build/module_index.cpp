#include "runtime/build/module_index.h"

#include <tenon/nn/module.h>

namespace tenon::loading {
namespace {

void add(ModuleIndex& index, const torch::nn::Module& module, const std::string& prefix) {
  const auto* const ours = dynamic_cast<const nn::Module*>(&module);
  const auto insert = [&](const auto& items, bool buffer) {
    for (const auto& item : items) {
      if (!item.value().defined()) continue;
      index[prefix + item.key()] = {item.value(), ours ? ours->init_of(item.key()) : nullptr, buffer};
    }
  };
  insert(module.named_parameters(/*recurse=*/false), false);
  insert(module.named_buffers(/*recurse=*/false), true);
  for (const auto& child : module.named_children()) add(index, *child.value(), prefix + child.key() + ".");
}

}  // namespace

ModuleIndex index_of(const torch::nn::Module& module) {
  ModuleIndex index;
  add(index, module, "");
  return index;
}

}  // namespace tenon::loading
