#include "runtime/identify/variants.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "runtime/identify/tables.h"
#include "runtime/mapping/pattern.h"
#include "runtime/value/general_finding.h"

namespace tenon {
namespace {

constexpr std::size_t kFewVariants = 12;  // so few that each refused one is worth a line

// The value of a key; "block_out_channels.0" is the first of a list. Null where nothing is known.
Value known_value(const Config& config, std::string_view key) {
  if (const Value* value = config.find(key)) return *value;
  const auto dot = key.rfind('.');
  const auto index = dot == std::string_view::npos ? std::nullopt : parse_index(key.substr(dot + 1));
  const Value* list = index ? config.find(key.substr(0, dot)) : nullptr;
  if (list == nullptr || list->as_list() == nullptr || static_cast<std::size_t>(*index) >= list->as_list()->size()) return {};
  return (*list->as_list())[static_cast<std::size_t>(*index)];
}

bool is_list_of_words(const Value& value) {
  const Value::List* list = value.as_list();
  return list != nullptr && !list->empty() && list->front().as_string() != nullptr;
}

// "has cross_attention_dim 768, this file has 1024; ...", the shortest first, and lists of words only where nothing else
// differs, as numbers tell more; empty where nothing that both sides know differs.
std::string differences(const Variant& variant, const Config& config) {
  constexpr std::size_t kTold = 4;
  std::vector<std::string> short_ones;
  std::vector<std::string> long_ones;
  for (const Config::Item& item : config.items()) {
    const Value theirs = known_value(variant.match, item.key);
    if (theirs.is_null() || item.value.is_null() || theirs == item.value) continue;
    const bool is_long = is_list_of_words(theirs) || is_list_of_words(item.value);
    (is_long ? long_ones : short_ones).push_back(fmt::format("{} {}, this file has {}", item.key, to_string(theirs), to_string(item.value)));
  }
  std::vector<std::string>& told = short_ones.empty() ? long_ones : short_ones;
  std::sort(told.begin(), told.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  if (told.size() > kTold) told.resize(kTold);
  return told.empty() ? std::string() : fmt::format("has {}", fmt::join(told, "; "));
}

std::string agreements(const Variant& variant, const Config& config) {
  std::string text;
  for (const Config::Item& item : variant.match.items()) {
    const Value* have = config.find(item.key);
    if (have != nullptr && *have == item.value) text += (text.empty() ? "" : ", ") + item.key + " " + to_string(item.value);
  }
  return text;
}

Finding default_finding(const DefaultSet& set, const std::string& values) {
  return general_finding("TN-CONFIG-DEFAULT", FindingKind::kConfig, Severity::kNote,
                         fmt::format("what was asked for are the defaults of {} ({})", set.of, values),
                         "The config of this checkpoint, config.json, was not found or not read: give it with --config.");
}

/// Nobody may have chosen the variant that was asked for: a library takes it where nothing is said.
void note_default_variant(const FamilyTable& family, const std::string& asked, Part& part) {
  if (asked.empty() || may_be_variant(part, asked)) return;
  std::vector<std::string> libraries;
  for (const DefaultSet& set : family.defaults) {
    if (set.variant == asked) libraries.push_back(set.of);
  }
  if (libraries.empty()) return;
  part.findings.push_back(general_finding(
      "TN-VARIANT-DEFAULT", FindingKind::kIdentity, Severity::kNote,
      fmt::format("{} is the default of {}", asked, fmt::join(libraries, " and of ")),
      part.variant.empty() ? "Say there which version this checkpoint is." : fmt::format("Ask there for {}.", part.variant)));
}

}  // namespace

bool may_be_variant(const Part& part, std::string_view variant) {
  if (part.variant == variant || std::find(part.also.begin(), part.also.end(), variant) != part.also.end()) return true;
  return std::any_of(part.undecidable.begin(), part.undecidable.end(), [&](const Undecidable& entry) {
    const auto& choices = entry.choices;
    return entry.what == "variant" && std::find(choices.begin(), choices.end(), Value(variant)) != choices.end();
  });
}

void explain_variant(const FamilyTable& family, const std::string& asked, Part& part) {
  const std::vector<Variant> variants = variants_of(family);
  for (const Variant& variant : variants) {
    const std::string label = part.family + "/" + variant.name;
    if (variant.name == part.variant) {
      const auto about = family.variants.about.find(variant.name);
      const std::string shared = agreements(variant, part.config);
      part.evidence.push_back({label, about == family.variants.about.end() ? shared : fmt::format("{}; {}", about->second, shared)});
    } else if (variants.size() <= kFewVariants || variant.name == asked) {
      std::string text = differences(variant, part.config);
      if (!text.empty()) part.refused.push_back({label, std::move(text)});
    }
  }
  note_default_variant(family, asked, part);
}

void choose_variant(const FamilyTable& family, Part& part) {
  for (const Variant& variant : variants_of(family)) {
    const bool shares = std::any_of(part.config.items().begin(), part.config.items().end(), [&](const Config::Item& item) {
      return !known_value(variant.match, item.key).is_null();
    });
    if (!shares || !differences(variant, part.config).empty()) continue;
    if (part.variant.empty()) {
      part.variant = variant.name;
    } else if (part.variant != variant.name) {
      part.also.push_back(variant.name);
    }
  }
}

void note_defaults(const FamilyTable& family, const Config& requested, Part& part) {
  constexpr int kEnough = 2;  // one value may agree by chance
  for (const DefaultSet& set : family.defaults) {
    int agreed = 0;
    std::string told;
    const bool all = std::all_of(set.config.begin(), set.config.end(), [&](const auto& entry) {
      const Value* asked = requested.find(entry.first);
      const bool contradicted = std::any_of(part.findings.begin(), part.findings.end(), [&](const Finding& finding) {
        return finding.id == "TN-CONFIG-CONTRADICTS" && finding.target == entry.first;
      });
      agreed += contradicted;
      told += fmt::format("{}{} {}", told.empty() ? "" : ", ", entry.first, to_string(entry.second));
      return asked != nullptr && *asked == entry.second;
    });
    if (!all || agreed < kEnough) continue;
    part.findings.push_back(default_finding(set, told));
    return;
  }
}

}  // namespace tenon
