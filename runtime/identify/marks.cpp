#include "runtime/identify/marks.h"

#include <utility>

#include <fmt/format.h>

#include "runtime/io/text.h"
#include "runtime/value/general_finding.h"

namespace tenon {
namespace {

/// The metadata's text; null where the mark does not hold. "x/inpainting" says "x" too.
const std::string* said(const Checkpoint& checkpoint, const Mark& mark) {
  const auto found = checkpoint.metadata.find(mark.metadata);
  if (found == checkpoint.metadata.end()) return nullptr;
  return found->second.substr(0, found->second.find('/')) == mark.is ? &found->second : nullptr;
}

bool holds(const Checkpoint& checkpoint, const Mark& mark) {
  return mark.tensor.empty() ? said(checkpoint, mark) != nullptr : checkpoint.find(mark.tensor) != nullptr;
}

}  // namespace

Config marked_config(const Checkpoint& checkpoint, const FamilyTable& family) {
  Config config;
  for (const Mark& mark : family.marks) {
    if (!holds(checkpoint, mark)) continue;
    for (const auto& [key, value] : mark.set) config.set(key, value, ConfigOrigin::kSiblingConfig);
  }
  return config;
}

std::optional<Finding> contradicted_mark(const Checkpoint& checkpoint, const FamilyTable& family, const Part& part) {
  for (const Mark& mark : family.marks) {
    if (mark.variant.empty() || mark.variant == part.variant) continue;
    const std::string* text = said(checkpoint, mark);
    if (text == nullptr) continue;
    return general_finding("TN-METADATA", FindingKind::kIdentity, Severity::kWarning,
                           fmt::format("the metadata says {} {}, which is {}/{}; by names and shapes this is {}/{} [TN-METADATA]",
                                       mark.metadata, io::quoted(*text), family.name, mark.variant, family.name,
                                       part.variant.empty() ? "custom" : part.variant),
                           "Names and shapes are followed; correct the metadata.");
  }
  return std::nullopt;
}

}  // namespace tenon
