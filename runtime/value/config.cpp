#include <algorithm>

#include <tenon/value.h>

namespace tenon {

std::string_view origin_name(ConfigOrigin origin) {
  switch (origin) {
    case ConfigOrigin::kDefault:
      return "default";
    case ConfigOrigin::kVariantTable:
      return "variant table";
    case ConfigOrigin::kSiblingConfig:
      return "sibling config";
    case ConfigOrigin::kShapes:
      return "shapes";
    case ConfigOrigin::kConfigFile:
      return "--config";
    case ConfigOrigin::kSet:
      return "--set";
  }
  return "unknown";
}

void Config::set(std::string_view key, Value value, ConfigOrigin origin) {
  for (Item& item : items_) {
    if (item.key == key) {
      item.value = std::move(value);
      item.origin = origin;
      return;
    }
  }
  items_.push_back({std::string(key), std::move(value), origin});
}

void Config::erase(std::string_view key) {
  std::erase_if(items_, [&](const Item& item) { return item.key == key; });
}

const Config::Item* Config::item(std::string_view key) const {
  const auto found = std::find_if(items_.begin(), items_.end(), [&](const Item& i) { return i.key == key; });
  return found == items_.end() ? nullptr : &*found;
}

const Value* Config::find(std::string_view key) const {
  const Item* found = item(key);
  return found == nullptr ? nullptr : &found->value;
}

std::int64_t Config::int_or(std::string_view key, std::int64_t otherwise) const {
  const Value* value = find(key);
  return value == nullptr ? otherwise : value->as_int().value_or(otherwise);
}

double Config::double_or(std::string_view key, double otherwise) const {
  const Value* value = find(key);
  return value == nullptr ? otherwise : value->as_double().value_or(otherwise);
}

bool Config::bool_or(std::string_view key, bool otherwise) const {
  const Value* value = find(key);
  return value == nullptr ? otherwise : value->as_bool().value_or(otherwise);
}

std::string Config::string_or(std::string_view key, std::string_view otherwise) const {
  const Value* value = find(key);
  const std::string* text = value == nullptr ? nullptr : value->as_string();
  return text == nullptr ? std::string(otherwise) : *text;
}

}  // namespace tenon
