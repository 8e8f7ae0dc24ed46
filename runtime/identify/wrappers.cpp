#include "runtime/identify/wrappers.h"

#include <algorithm>

#include "runtime/io/text.h"
#include "runtime/mapping/pattern.h"

namespace tenon {
namespace {

// The first segment with its dot; empty when the text holds no dot.
std::string_view first_segment(std::string_view text) {
  const auto dot = text.find('.');
  return dot == std::string_view::npos ? std::string_view() : text.substr(0, dot + 1);
}

std::string_view without_dot(std::string_view segment) { return segment.substr(0, segment.size() - 1); }

}  // namespace

bool Wrappers::transparent(std::string_view segment) const {
  const auto& list = tables_.wrappers().transparent;
  return std::find(list.begin(), list.end(), segment) != list.end();
}

std::string Wrappers::accounted_prefix(const FamilyTable& family, std::string_view name) const {
  std::size_t length = 0;
  while (true) {
    const auto rest = name.substr(length);
    const auto declared = std::find_if(family.parts.begin(), family.parts.end(), [&](const auto& part) { return rest.starts_with(part.first); });
    const auto segment = first_segment(rest);
    if (declared != family.parts.end()) {
      length += declared->first.size();
    } else if (!segment.empty() && (transparent(without_dot(segment)) || tables_.wrappers().named.contains(without_dot(segment)))) {
      length += segment.size();
    } else {
      return std::string(name.substr(0, length));
    }
  }
}

std::vector<std::size_t> Wrappers::strippings(std::string_view name) const {
  std::vector<std::size_t> lengths = {0};
  while (true) {
    const auto segment = first_segment(name.substr(lengths.back()));
    if (segment.empty() || !transparent(without_dot(segment))) return lengths;
    lengths.push_back(lengths.back() + segment.size());
  }
}

std::string Wrappers::core(std::string_view prefix) const {
  std::string kept;
  while (!prefix.empty()) {
    const auto segment = first_segment(prefix);
    if (!transparent(without_dot(segment))) kept += segment;
    prefix.remove_prefix(segment.size());
  }
  return kept;
}

Wrappers::PartName Wrappers::part_name(const FamilyTable& family, std::string_view prefix) const {
  for (const std::string& folder : checkpoint_.folder_parts) {
    if (prefix.starts_with(folder)) return {std::string(without_dot(folder)), false};
  }
  const auto& named = tables_.wrappers().named;
  std::string soft;
  for (std::string_view rest = prefix; !rest.empty();) {
    const auto segment = without_dot(first_segment(rest));
    rest.remove_prefix(segment.size() + 1);
    const auto role = named.find(segment);
    if (role != named.end() && role->second != segment) return {role->second, false};
    if (soft.empty() && (role != named.end() || !transparent(segment))) soft = segment;
  }
  const std::pair<std::string, std::string>* longest = nullptr;
  for (const auto& part : family.parts) {
    const bool fits = prefix.ends_with(part.first) && (prefix.size() == part.first.size() || prefix[prefix.size() - part.first.size() - 1] == '.');
    if (fits && (longest == nullptr || part.first.size() > longest->first.size())) longest = &part;
  }
  if (longest != nullptr) return {longest->second, false};
  if (!soft.empty()) return {soft, true};
  return {"model", true};
}

std::string Wrappers::stripped(std::string_view family, std::string_view prefix) const {
  const FamilyTable* table = tables_.family(family);
  std::string told;
  while (!prefix.empty()) {
    const std::pair<std::string, std::string>* declared = nullptr;
    for (std::size_t i = 0; table != nullptr && i < table->parts.size(); ++i) {
      if (prefix.starts_with(table->parts[i].first)) declared = &table->parts[i];
    }
    if (declared != nullptr) {
      prefix.remove_prefix(declared->first.size());
      continue;
    }
    const auto segment = first_segment(prefix);
    prefix.remove_prefix(segment.size());
    const std::string name(without_dot(segment));
    if (!transparent(name) && !tables_.wrappers().named.contains(name)) continue;
    const auto about = tables_.wrappers().about.find(name);
    told += (told.empty() ? "" : ", ") + io::quoted(segment);
    if (about != tables_.wrappers().about.end()) told += " (" + about->second + ")";
  }
  return told;
}

bool Wrappers::is_training(std::string_view key) const {
  const auto& list = tables_.wrappers().training;
  return std::find(list.begin(), list.end(), key) != list.end();
}

const HarmlessTemplate* Wrappers::harmless(std::string_view name) const {
  for (const HarmlessTemplate& item : tables_.wrappers().harmless) {
    const auto pattern = Pattern::parse(item.name.text, PatternUse::kSelect);
    if (!pattern) continue;
    for (const std::size_t length : strippings(name)) {
      if (pattern->matches(name.substr(length))) return &item;
    }
  }
  return nullptr;
}

}  // namespace tenon
