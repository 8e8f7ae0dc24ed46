#include "runtime/identify/part_config.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "runtime/identify/marks.h"
#include "runtime/identify/reads.h"
#include "runtime/identify/variants.h"
#include "runtime/io/text.h"
#include "runtime/value/general_finding.h"
#include "runtime/value/quoted.h"

namespace tenon {
namespace {

Finding config_finding(std::string id, Severity severity, std::string key, std::string message, std::string remedy) {
  Finding finding;
  finding.id = std::move(id);
  finding.kind = FindingKind::kConfig;
  finding.severity = severity;
  finding.target = std::move(key);
  finding.action = severity == Severity::kError ? Action::kRefuse : Action::kDrop;
  finding.message = std::move(message);
  finding.remedy = std::move(remedy);
  return finding;
}

// A config in a part's folder is that part's; any other is for parts that have no folder.
bool concerns(const ConfigText& config, const Checkpoint& checkpoint, const PartDraft& draft) {
  for (const std::string& folder : checkpoint.folder_parts) {
    if (!draft.candidate.prefix.starts_with(folder)) continue;
    const std::string inside = "/" + folder.substr(0, folder.size() - 1) + "/";
    const auto slash = config.path.rfind('/');
    return slash != std::string::npos && config.path.substr(0, slash + 1).ends_with(inside);
  }
  return true;
}

void merge(const Config& from, ConfigOrigin origin, Config& into) {
  for (const Config::Item& item : from.items()) into.set(item.key, item.value, origin);
}

bool fits_type(const ConfigKey& key, const Value& value) {
  if (value.is_null() || key.type == "any") return true;
  if (!key.choices.empty() && std::find(key.choices.begin(), key.choices.end(), value) == key.choices.end()) return false;
  if (key.type == "int") return value.as_int().has_value();
  if (key.type == "float") return value.as_double().has_value();
  if (key.type == "bool") return value.as_bool().has_value();
  if (key.type == "string") return value.as_string() != nullptr;
  if (key.type == "size") return value.as_int().has_value() || (value.as_list() != nullptr && value.as_list()->size() == 2);
  return value.as_list() != nullptr;
}

// What to type for a key of this type.
std::string how_to_set(const ConfigKey& key) {
  const auto as_in = [&](std::string_view what, std::string_view value) { return fmt::format("Give {}: --set {}={}", what, key.name, value); };
  if (!key.choices.empty()) {
    std::string choices;
    for (const Value& choice : key.choices) {
      const std::string* word = choice.as_string();
      choices += (choices.empty() ? "" : ", ") + (word != nullptr ? *word : to_string(choice));
    }
    return as_in(fmt::format("one of {}", choices), choices.substr(0, choices.find(',')));
  }
  if (key.type == "int") return as_in("a whole number", "12");
  if (key.type == "float") return as_in("a number", "1e-5");
  if (key.type == "bool") return as_in("true or false", "true");
  if (key.type == "string") return as_in("a word", "WORD");
  if (key.type == "size") return as_in("one number, or height and width", "224") + fmt::format(" or --set '{}=[224, 196]'", key.name);
  return fmt::format("Give a JSON list, words in double quotes, all of it in single quotes: --set '{}=[\"A\", \"B\"]' or --set '{}=[1, 2]'",
                     key.name, key.name);
}

void take_set(const FamilyTable& family, const Config& set, Config& requested, std::vector<Finding>& findings) {
  for (const Config::Item& item : set.items()) {
    const auto key = std::find_if(family.config.begin(), family.config.end(), [&](const ConfigKey& k) { return k.name == item.key; });
    if (key == family.config.end() && !family.config.empty()) {
      std::string known;
      for (const ConfigKey& k : family.config) known += (known.empty() ? "" : ", ") + k.name;
      findings.push_back(config_finding("TN-CONFIG-KEY", Severity::kError, item.key,
                                        fmt::format("{} has no config key {}", family.name, io::quoted(item.key)),
                                        fmt::format("Keys: {}.", known)));
      continue;
    }
    if (key != family.config.end() && !fits_type(*key, item.value)) {
      findings.push_back(config_finding("TN-CONFIG-VALUE", Severity::kError, item.key,
                                        fmt::format("{} {} cannot be {}", family.name, item.key, quoted(item.value)),
                                        how_to_set(*key)));
      continue;
    }
    requested.set(item.key, item.value, ConfigOrigin::kSet);
  }
}

std::vector<NamedType> own_names(const Mapped& mapped) {
  std::vector<NamedType> names;
  names.reserve(mapped.tensors.size());
  for (const MappedTensor& tensor : mapped.tensors) names.push_back({tensor.target, tensor.type.dtype, &tensor.type.shape});
  return names;
}

void refuse_counts(const std::vector<ExcessiveCount>& counts, std::size_t tensors, Part& part) {
  for (const ExcessiveCount& excess : counts) {
    part.findings.push_back(config_finding(
        "TN-CONFIG-COUNT", Severity::kError, excess.pattern,
        fmt::format("an index of \"{}\" says there are {} of them, but the part has {} tensors", excess.pattern, excess.count, tensors),
        "The file is damaged or hostile; get it again from its source."));
    part.buildable = false;
    part.declined = part.findings.back().message;
  }
}

std::string_view said_by(ConfigOrigin origin) {
  return origin == ConfigOrigin::kSet          ? "--set"
         : origin == ConfigOrigin::kConfigFile ? "--config"
                                               : "the config beside the checkpoint";
}

// Values that this file's model has no place for, as a whole CLIP's config beside one of its towers has.
void note_unused(const Config& requested, Part& part) {
  std::map<ConfigOrigin, std::vector<std::string>> unused;
  for (const Config::Item& item : requested.items()) {
    if (item.key == "variant" || item.value.is_null() || part.config.has(item.key)) continue;
    unused[item.origin].push_back(item.key);
  }
  for (const auto& [origin, keys] : unused) {
    constexpr std::size_t kTold = 3;
    const std::size_t told = std::min(kTold, keys.size());
    const std::string rest = keys.size() > told ? fmt::format(" and {} more", keys.size() - told) : "";
    const bool asked = origin == ConfigOrigin::kSet || origin == ConfigOrigin::kConfigFile;
    part.findings.push_back(general_finding(
        "TN-CONFIG-UNUSED", FindingKind::kConfig, asked ? Severity::kWarning : Severity::kNote,
        fmt::format("{} gives {}{}, which the {} model of this file does not have: it is not used", said_by(origin),
                    fmt::join(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(told), ", "), rest, part.family),
        "Leave it out, or open the checkpoint that has this part of the model."));
  }
}

}  // namespace

Result<Config> gather_requested(const Checkpoint& checkpoint,
                                const PartDraft& draft,
                                const FamilyTable& family,
                                const IdentifyRequest& request,
                                const std::vector<Variant>& variants,
                                std::vector<Finding>& findings) {
  Config requested = marked_config(checkpoint, family);
  const auto read = family.functions.read_native_config;
  for (const ConfigText& config : checkpoint.configs) {
    if (read == nullptr || !concerns(config, checkpoint, draft)) continue;
    if (auto values = read(config, variants)) {
      merge(*values, ConfigOrigin::kSiblingConfig, requested);
    } else {
      findings.push_back(config_finding("TN-CONFIG-UNREADABLE", Severity::kWarning, {}, values.error().message,
                                        "It is not used; correct it or remove it."));
    }
  }
  if (request.config && read != nullptr) {
    auto values = read(*request.config, variants);
    if (!values) return tl::unexpected(values.error());
    merge(*values, ConfigOrigin::kConfigFile, requested);
  }
  take_set(family, request.set, requested, findings);
  if (!request.variant.empty() && request.family == family.name) requested.set("variant", request.variant, ConfigOrigin::kSet);
  return requested;
}

void derive_config(const FamilyTable& family,
                   const Mapped& mapped,
                   const Config& requested,
                   const std::vector<Variant>& variants,
                   bool nested,
                   Part& part) {
  const auto names = own_names(mapped);
  SegmentSets sets;
  for (const auto& [name, set] : family.sets) sets.emplace(name, set.to);
  const Variables none;
  Reader reader(names, sets, none);
  const Reads reads = reader.read(family.reads);
  Derivation derivation = family.functions.derive({reads, requested, part.layout, variants, part.prefix, nested});
  if (!derivation.layout.empty()) part.layout = std::move(derivation.layout);
  part.config = std::move(derivation.config);
  part.variant = std::move(derivation.variant);
  part.also = std::move(derivation.also);
  part.undecidable = std::move(derivation.undecidable);
  part.base = std::move(derivation.base);
  part.updates = std::move(derivation.updates);
  part.findings.insert(part.findings.end(), derivation.findings.begin(), derivation.findings.end());
  note_defaults(family, requested, part);
  note_unused(requested, part);
  refuse_counts(reader.excessive(), part.tensors.size(), part);
  const Value* asked = requested.find("variant");
  explain_variant(family, asked != nullptr && asked->as_string() != nullptr ? *asked->as_string() : std::string(), part);
}

}  // namespace tenon
