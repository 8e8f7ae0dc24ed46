#include "runtime/build/two_layouts.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "runtime/diagnose/words.h"

namespace tenon::loading {
namespace {

/// What a module needs as a listing, so that the same tables read its names.
Checkpoint listing_of(const ModelSpec& spec) {
  Checkpoint listing;
  listing.files.emplace_back();
  for (const ExpectedTensor& tensor : spec.tensors) {
    TensorEntry entry;
    entry.name = tensor.name;
    entry.dtype = tensor.type.dtype;
    entry.shape = tensor.type.shape;
    listing.tensors.push_back(std::move(entry));
  }
  std::sort(listing.tensors.begin(), listing.tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return listing;
}

/// The only part that tenon builds.
std::optional<Part> only_part(const Checkpoint& checkpoint, const Tables& tables) {
  auto identity = identify(checkpoint, tables);
  if (!identity) return std::nullopt;
  std::erase_if(identity->parts, [](const Part& part) { return !part.buildable; });
  if (identity->parts.size() != 1) return std::nullopt;
  return std::move(identity->parts.front());
}

}  // namespace

std::optional<Diagnosis> two_layouts(const Checkpoint& checkpoint, const ModelSpec& wanted, const Tables& tables) {
  const auto file = only_part(checkpoint, tables);
  const auto module = only_part(listing_of(wanted), tables);
  if (!file || !module || file->family != module->family || file->layout == module->layout) return std::nullopt;
  return Diagnosis{"TN-D-LAYOUT",
                   fmt::format("the file is {}; the module is {}: one family in two namings", what_it_is(*file), what_it_is(*module)),
                   fmt::format("tenon convert {} --to {} -o converted.safetensors", shell_quoted(checkpoint.path), module->layout),
                   {}};
}

}  // namespace tenon::loading
