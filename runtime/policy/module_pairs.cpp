#include "runtime/policy/module_pairs.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <string>

#include "runtime/io/text.h"
#include "runtime/policy/findings.h"
#include "runtime/value/general_finding.h"

namespace tenon {
namespace {

constexpr std::string_view kWeight = ".weight";
constexpr std::size_t kShown = 3;

using Shapes = std::map<std::string, Shape, std::less<>>;

std::string flattened(std::string name) {
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

/// Modules with a weight, by their names; also with underscores for dots.
Shapes modules_of(const NamedTypes& names, bool flat) {
  Shapes shapes;
  for (const auto& [name, type] : names) {
    if (!name.ends_with(kWeight)) continue;
    std::string module = name.substr(0, name.size() - kWeight.size());
    shapes.emplace(flat ? flattened(std::move(module)) : std::move(module), type.shape);
  }
  return shapes;
}

/// "320 inputs there, 640 here"; empty where the widths agree or are not said.
std::string other_widths(const ModuleUpdate& update, const Shape& shape) {
  if (shape.size() < 2) return {};
  if (update.inputs != 0 && update.inputs != shape[1])
    return fmt::format("{} inputs there, {} here", update.inputs, shape[1]);
  if (update.outputs != 0 && update.outputs != shape[0])
    return fmt::format("{} outputs there, {} here", update.outputs, shape[0]);
  return {};
}

struct Tally {
  std::size_t fit = 0;
  std::size_t asked = 0;
  std::size_t elsewhere = 0;  // of another model, by their names
  std::vector<std::string> absent;
  std::vector<std::string> other;  // with both widths
};

Tally count(const Part& update_part, const Part& model_part, const NamedTypes& names) {
  const Shapes dotted = modules_of(names, false);
  const Shapes flat = modules_of(names, true);
  Tally tally;
  for (const ModuleUpdate& update : update_part.updates) {
    if (!update.family.empty() && update.family != model_part.family) {
      ++tally.elsewhere;
      continue;
    }
    ++tally.asked;
    const Shapes& shapes = update.flat ? flat : dotted;
    const auto found = shapes.find(update.module);
    if (found == shapes.end()) {
      tally.absent.push_back(update.module);
      continue;
    }
    const std::string widths = other_widths(update, found->second);
    if (widths.empty()) {
      ++tally.fit;
    } else {
      tally.other.push_back(fmt::format("{} ({})", io::escape(update.module, 100), widths));
    }
  }
  return tally;
}

std::string some(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i)
    text += (i == 0 ? "" : ", ") + io::escape(names[i], 160);
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

}  // namespace

std::vector<Finding> module_findings(const Part& update_part, std::string_view update,
                                     const Part& model_part, std::string_view model,
                                     const NamedTypes& names) {
  const Tally tally = count(update_part, model_part, names);
  if (tally.asked == 0) {
    return {general_finding("TN-PAIR-MODULES", FindingKind::kPair, Severity::kWarning,
                            fmt::format("{} changes nothing of {}: the {} modules that it changes belong to another model by their names",
                                        update, model, tally.elsewhere),
                            "needed: an update made for this very model, or the model it was made for")};
  }
  const std::string base = update_part.base.empty()
                               ? std::string()
                               : fmt::format(" (made for {})", io::escape(update_part.base));
  std::string text = fmt::format("{} of the {} modules that {}{} changes fit {}", tally.fit,
                                 tally.asked, update, base, model);
  if (tally.elsewhere != 0)
    text += fmt::format("; {} others belong to another model by their names", tally.elsewhere);
  const bool fits = tally.fit == tally.asked;
  if (!tally.other.empty()) text += "; of another width: " + some(tally.other);
  if (!tally.absent.empty()) text += "; with no such module: " + some(tally.absent);
  return {general_finding("TN-PAIR-MODULES", FindingKind::kPair,
                          fits ? Severity::kNote : Severity::kError, std::move(text),
                          fits ? std::string() : "needed: an update made for this very model, or the model it was made for")};
}

}  // namespace tenon
