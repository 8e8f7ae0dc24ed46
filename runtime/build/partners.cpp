#include "runtime/build/partners.h"

#include <utility>

#include "runtime/identify/choose_part.h"

namespace tenon::loading {

std::vector<CheckRequest::Partner> Partners::list() const {
  std::vector<CheckRequest::Partner> partners;
  for (const auto& item : items_) {
    partners.push_back({item.role, item.path, item.checkpoint.get(), &item.identity->parts[item.part]});
  }
  return partners;
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
