#include <tenon/checkpoint.h>

#include <algorithm>
#include <filesystem>

namespace tenon {

std::string_view container_name(Container container) {
  switch (container) {
    case Container::kSafetensors:
      return "safetensors";
    case Container::kTorchZip:
      return "torch-zip";
    case Container::kTorchLegacy:
      return "torch-legacy";
    case Container::kTorchTar:
      return "torch-tar";
    case Container::kTorchScript:
      return "torchscript";
    case Container::kGguf:
      return "gguf";
    case Container::kIndex:
      return "index";
    case Container::kDirectory:
      return "directory";
  }
  return "unknown";
}

const TensorEntry* Checkpoint::find(std::string_view name) const {
  const auto found = std::lower_bound(
    tensors.begin(), tensors.end(), name, [](const TensorEntry& entry, std::string_view n) { return entry.name < n; });
  return found != tensors.end() && found->name == name ? &*found : nullptr;
}

std::uint64_t Checkpoint::total_bytes() const {
  std::uint64_t total = 0;
  for (const TensorEntry& entry : tensors) total += entry.bytes;
  return total;
}

CheckpointArgument split_argument(const std::string& argument) {
  std::error_code ignored;
  const auto at = argument.rfind("::");
  if (at == std::string::npos || std::filesystem::exists(argument, ignored)) return {argument, ""};
  return {argument.substr(0, at), argument.substr(at + 2)};
}

}  // namespace tenon
