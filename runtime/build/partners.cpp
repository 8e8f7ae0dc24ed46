#include "runtime/build/partners.h"

#include <algorithm>
#include <utility>

#include "runtime/identify/choose_part.h"
#include "runtime/identify/tables.h"

namespace tenon::loading {

std::vector<CheckRequest::Partner> Partners::list() const {
  std::vector<CheckRequest::Partner> partners;
  for (const auto& item : items_) {
    partners.push_back({item.role, item.path, item.checkpoint.get(), &item.identity->parts[item.part]});
  }
  return partners;
}

namespace {

bool has_key(const Tables& tables, const std::string& family, const std::string& key) {
  const FamilyTable* const table = tables.family(family);
  return table != nullptr && std::any_of(table->config.begin(), table->config.end(), [&](const ConfigKey& k) { return k.name == key; });
}

}  // namespace

std::vector<std::string> Partners::keys_of_theirs(const Config& set, const std::string& family, const Tables& tables) const {
  std::vector<std::string> keys;
  for (const auto& value : set.items()) {
    if (has_key(tables, family, value.key)) continue;
    const bool theirs = std::any_of(items_.begin(), items_.end(), [&](const Item& item) {
      return has_key(tables, item.identity->parts[item.part].family, value.key);
    });
    if (theirs) keys.push_back(value.key);
  }
  return keys;
}

Result<Partners> open_partners(const LoadOptions& options, const Tables& tables) {
  Partners partners;
  for (const auto& [role, path] : options.with) {
    const auto argument = split_argument(path);
    auto checkpoint = open_checkpoint(argument.path, options.limits);
    if (!checkpoint) return tl::unexpected(checkpoint.error());
    auto identity = identify(**checkpoint, tables);
    if (!identity) return tl::unexpected(identity.error());
    const auto part = choose_part(*identity, argument.part, "", argument.path);
    if (!part) return tl::unexpected(part.error());
    partners.items_.push_back({role, path, std::move(*checkpoint), std::make_unique<Identity>(std::move(*identity)), *part});
  }
  return partners;
}

}  // namespace tenon::loading
