#include "runtime/build/partners.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "runtime/identify/choose_part.h"
#include "runtime/identify/tables.h"

namespace tenon::loading {
namespace {

/// Which part of a bundle a role means when the caller names none: the part of that name, or the only one whose config has a
/// key that such a partner has.
struct Meaning {
  std::string_view role;
  std::string_view part;
  std::string_view key;
};
constexpr Meaning kMeanings[] = {
  {"base", "", "in_channels"},
  {"vae", "vae", "latent_channels"},
  {"image_encoder", "image_encoder", ""},
  {"lora", "lora_weights", ""},
  {"controlnet", "controlnet", ""},
};

std::string meant_by(std::string_view role, const Identity& identity) {
  for (const Meaning& meaning : kMeanings) {
    if (meaning.role != role) continue;
    std::vector<std::string> parts;
    for (const Part& part : identity.parts) {
      const bool keyed = !meaning.key.empty() && part.config.has(meaning.key);
      if (keyed || (!meaning.part.empty() && part.part == meaning.part)) parts.push_back(part.part);
    }
    if (parts.size() == 1) return parts.front();
  }
  return {};
}

/// Names are needed of a model whose partner says which modules it changes.
bool changes_modules(const Part& part) { return !part.updates.empty(); }

}  // namespace

std::vector<std::pair<std::string, TensorType>> all_names(const Tables& tables, const Checkpoint& checkpoint, const Part& part) {
  std::vector<std::pair<std::string, TensorType>> own;
  for (const MappedTensor& tensor : map_part(checkpoint, part).tensors) own.emplace_back(tensor.target, tensor.type);
  std::vector<std::pair<std::string, TensorType>> names = own;
  for (const std::string& layout : layout_names(tables, part.family)) {
    const auto renamed = unmap(tables, part.family, layout, part.config, own);
    if (!renamed) continue;  // a layout that cannot say this model
    for (const MappedTensor& tensor : *renamed) names.emplace_back(tensor.target, tensor.type);
  }
  return names;
}

std::vector<CheckRequest::Partner> Partners::list() const {
  std::vector<CheckRequest::Partner> partners;
  for (const auto& item : items_) {
    partners.push_back({item.role, item.path, item.checkpoint.get(), &item.identity->parts[item.part], item.names});
  }
  return partners;
}

std::vector<std::string> Partners::keys_of_theirs(const Config& set, const std::string& family, const Tables& tables) const {
  std::vector<std::string> keys;
  for (const auto& value : set.items()) {
    if (has_config_key(tables, family, value.key)) continue;
    const bool theirs = std::any_of(items_.begin(), items_.end(), [&](const Item& item) {
      return has_config_key(tables, item.identity->parts[item.part].family, value.key);
    });
    if (theirs) keys.push_back(value.key);
  }
  return keys;
}

void Partners::name_modules(const Tables& tables, const Checkpoint& checkpoint, const Part& part, CheckRequest& request) {
  for (auto& item : items_) {
    const Part& other = item.identity->parts[item.part];
    if (changes_modules(part) && other.buildable) item.names = all_names(tables, *item.checkpoint, other);
    if (changes_modules(other) && part.buildable && request.names.empty()) request.names = all_names(tables, checkpoint, part);
  }
  request.with = list();
  if (!request.with.empty()) request.released = variants_by_family(tables);
}

Result<Partners> open_partners(const LoadOptions& options, const Tables& tables) {
  Partners partners;
  for (const auto& [role, path] : options.with) {
    const auto argument = split_argument(path);
    auto checkpoint = open_checkpoint(argument.path, options.limits);
    if (!checkpoint) return tl::unexpected(checkpoint.error());
    auto identity = identify(**checkpoint, tables);
    if (!identity) return tl::unexpected(identity.error());
    const auto part = choose_part(*identity, argument.part.empty() ? meant_by(role, *identity) : argument.part, "", argument.path);
    if (!part) return tl::unexpected(part.error());
    partners.items_.push_back({role, path, std::move(*checkpoint), std::make_unique<Identity>(std::move(*identity)), *part, {}});
  }
  return partners;
}

}  // namespace tenon::loading
