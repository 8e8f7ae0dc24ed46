#include <tenon/derive.h>

#include <algorithm>

namespace tenon {
namespace {

const Value kNull;

bool asked_explicitly(const Config::Item& asked) {
  return asked.origin == ConfigOrigin::kSet || asked.origin == ConfigOrigin::kConfigFile;
}

Finding contradiction(std::string_view family, const Config::Item& asked, const Value& shapes) {
  const bool explicitly = asked_explicitly(asked);
  const std::string source = asked.origin == ConfigOrigin::kSet          ? "--set"
                             : asked.origin == ConfigOrigin::kConfigFile ? "--config"
                                                                         : "the config beside the checkpoint";
  Finding finding;
  finding.id = "TN-CONFIG-CONTRADICTS";
  finding.kind = FindingKind::kConfig;
  finding.severity = explicitly ? Severity::kError : Severity::kWarning;
  finding.target = asked.key;
  finding.action = explicitly ? Action::kRefuse : Action::kDrop;
  finding.rule = source;
  finding.message = std::string(family) + " " + asked.key + ": " + source + " says " + to_string(asked.value) +
                    ", the tensors' shapes say " + to_string(shapes) +
                    (explicitly ? "; the asked-for value decides the model" : "; the shapes win");
  finding.remedy = explicitly ? "Leave " + asked.key + " to the shapes, or allow the change with --policy lenient."
                              : "Correct the config, or pass --set " + asked.key + "=" + to_string(shapes) + ".";
  return finding;
}

/// How many of the preferred columns agree.
int preferred(const Variant& variant, const Config& config) {
  int agreed = 0;
  for (const Config::Item& item : variant.prefer.items()) {
    const Value* have = config.find(item.key);
    agreed += have && *have == item.value;
  }
  return agreed;
}

bool matches(const Variant& variant, const Config& config) {
  bool shared = false;
  for (const Config::Item& item : variant.match.items()) {
    const Value* have = config.find(item.key);
    if (!have || have->is_null() || item.value.is_null()) continue;
    if (!(*have == item.value)) return false;
    shared = true;
  }
  return shared;
}

}  // namespace

const Value& ConfigBuilder::read(std::string_view name) const {
  const auto found = input_.reads.find(name);
  return found == input_.reads.end() ? kNull : found->second;
}

std::int64_t ConfigBuilder::read_int(std::string_view name, std::int64_t otherwise) const {
  return read(name).as_int().value_or(otherwise);
}

bool ConfigBuilder::read_bool(std::string_view name) const {
  return read(name).as_bool().value_or(false);
}

const Value& ConfigBuilder::asked(std::string_view key) const {
  const Value* value = input_.requested.find(key);
  return value ? *value : kNull;
}

void ConfigBuilder::from_shapes(std::string_view key, Value value) {
  const Config::Item* asked = input_.requested.item(key);
  if (asked && !(asked->value == value)) {
    result_.findings.push_back(contradiction(family_, *asked, value));
    if (asked_explicitly(*asked)) {
      result_.config.set(key, asked->value, asked->origin);
      return;
    }
  }
  result_.config.set(key, std::move(value), ConfigOrigin::kShapes);
}

bool ConfigBuilder::take_asked_or_given(std::string_view key) {
  if (const Config::Item* asked = input_.requested.item(key)) {
    result_.config.set(key, asked->value, asked->origin);
    return true;
  }
  if (Value value = given(key); !value.is_null()) {
    result_.config.set(key, std::move(value), ConfigOrigin::kVariantTable);
    return true;
  }
  return false;
}

void ConfigBuilder::or_default(std::string_view key, Value otherwise) {
  if (!take_asked_or_given(key)) result_.config.set(key, std::move(otherwise), ConfigOrigin::kDefault);
}

bool ConfigBuilder::cannot_tell(std::string_view key, std::vector<Value> choices, bool needed_by_forward) {
  if (take_asked_or_given(key)) return true;
  for (const Variant* variant : variants_) {
    const Value* value = variant->gives.find(key);
    if (value && !value->is_null() && std::find(choices.begin(), choices.end(), *value) == choices.end()) {
      choices.push_back(*value);
    }
  }
  const std::string example = choices.empty() ? "VALUE" : to_string(choices.front());
  result_.undecidable.push_back(
      {std::string(key), std::move(choices), "--set " + std::string(key) + "=" + example, needed_by_forward});
  return false;
}

void ConfigBuilder::choose_variant(std::string_view otherwise) {
  variants_.clear();
  for (const Variant& variant : input_.variants) {
    if (matches(variant, result_.config)) variants_.push_back(&variant);
  }
  std::stable_sort(variants_.begin(), variants_.end(), [this](const Variant* a, const Variant* b) {
    return preferred(*a, result_.config) > preferred(*b, result_.config);
  });
  if (const std::string* named = asked("variant").as_string()) {
    const auto chosen = std::find_if(variants_.begin(), variants_.end(), [&](const Variant* v) { return v->name == *named; });
    if (chosen != variants_.end()) std::rotate(variants_.begin(), chosen, chosen + 1);
    named_ = chosen != variants_.end();
  }
  result_.variant = variants_.empty() ? std::string(otherwise) : variants_.front()->name;
  for (std::size_t i = 1; i < variants_.size(); ++i) result_.also.push_back(variants_[i]->name);
}

Value ConfigBuilder::given(std::string_view key) const {
  Value agreed;
  for (const Variant* variant : variants_) {
    if (named_ && variant != variants_.front()) break;
    const Value* value = variant->gives.find(key);
    if (!value || value->is_null()) return {};
    if (!agreed.is_null() && !(agreed == *value)) return {};
    agreed = *value;
  }
  return agreed;
}

}  // namespace tenon
