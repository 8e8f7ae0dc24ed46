#include "runtime/identify/evidence.h"

#include <utility>

#include <fmt/format.h>

#include "runtime/io/text.h"
#include "runtime/mapping/mapper.h"

namespace tenon {
namespace {

std::string shown(const EvidenceFinder::Found& found) {
  const std::string name = io::escape(found.first->name, 128);
  if (found.count > 1) return fmt::format("{} of {}", found.count, found.pattern);
  return fmt::format("{} {}", name, to_string(found.first->shape));
}

std::string conditions(const EvidenceItem& item) {
  if (item.count) return fmt::format(" ({} to {} of them)", item.count->first, item.count->second);
  if (item.rank) return fmt::format(" of rank {}", *item.rank);
  if (!item.shape) return {};
  std::string text;
  for (const auto& dim : *item.shape) text += (text.empty() ? "" : ", ") + (dim ? std::to_string(*dim) : "_");
  return " of shape [" + text + "]";
}

bool weigh_all(const EvidenceFinder& finder, const std::vector<EvidenceItem>& items, Weighed& weighed) {
  for (const EvidenceItem& item : items) {
    const auto found = finder.find(item);
    if (!found.any()) {
      weighed.against = fmt::format("has no {}{}", found.pattern, conditions(item));
      return false;
    }
    weighed.favour.push_back("has " + shown(found));
  }
  return true;
}

bool weigh_none(const EvidenceFinder& finder, const std::vector<EvidenceItem>& items, Weighed& weighed) {
  for (const EvidenceItem& item : items) {
    const auto found = finder.find(item);
    if (!found.any()) continue;
    weighed.against = "has " + shown(found);
    return false;
  }
  return true;
}

bool weigh_any(const EvidenceFinder& finder, const std::vector<EvidenceItem>& items, Weighed& weighed) {
  if (items.empty()) return true;
  std::string wanted;
  for (const EvidenceItem& item : items) {
    const auto found = finder.find(item);
    if (found.any()) {
      weighed.favour.push_back("has " + shown(found));
      return true;
    }
    wanted += (wanted.empty() ? "" : ", ") + found.pattern;
  }
  weighed.against = "has none of " + wanted;
  return false;
}

}  // namespace

bool meets(const EvidenceItem& item, const TensorEntry& entry) {
  if (item.rank && static_cast<std::int64_t>(entry.shape.size()) != *item.rank) return false;
  if (!item.shape) return true;
  if (entry.shape.size() != item.shape->size()) return false;
  for (std::size_t d = 0; d < entry.shape.size(); ++d) {
    const auto& wanted = (*item.shape)[d];
    if (wanted && *wanted != entry.shape[d]) return false;
  }
  return true;
}

EvidenceFinder::Found EvidenceFinder::find(const EvidenceItem& item) const {
  Found found;
  TableFaults ignored;  // proved with the table
  const auto pattern = Pattern::parse(substitute(item.name, variables_, ignored), PatternUse::kSelect, sets_);
  if (!pattern) return found;
  found.pattern = pattern->to_string();
  const std::string head = std::string(prefix_) + pattern->literal_head();
  const auto [first, last] = tensors_with_prefix(checkpoint_, head);
  for (std::uint32_t t = first; t < last; ++t) {
    const TensorEntry& entry = checkpoint_.tensors[t];
    if (!pattern->matches(std::string_view(entry.name).substr(prefix_.size())) || !meets(item, entry)) continue;
    if (found.first == nullptr) found.first = &entry;
    ++found.count;
    if (!item.count) break;
  }
  const auto count = static_cast<std::int64_t>(found.count);
  if (item.count && (count < item.count->first || count > item.count->second)) found.count = 0;
  return found;
}

Weighed weigh(const EvidenceFinder& finder, const LayoutTable& layout, const FormChoice& choice) {
  Weighed weighed;
  if (!weigh_all(finder, layout.all, weighed) || !weigh_any(finder, layout.any, weighed) ||
      !weigh_none(finder, layout.none, weighed)) {
    return weighed;
  }
  for (std::size_t g = 0; g < choice.size(); ++g) {
    const Alternative& alternative = layout.groups[g].alternatives[choice[g]];
    if (!weigh_all(finder, alternative.all, weighed) || !weigh_none(finder, alternative.none, weighed)) return weighed;
  }
  return weighed;
}

}  // namespace tenon
