// Configuration values and the flat, ordered set of them that describes a model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace [[gnu::visibility("default")]] tenon {

/// A JSON-like scalar or list.
struct Value {
  using List = std::vector<Value>;
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, List> data;

  Value() : data(nullptr) {}
  Value(std::nullptr_t) : data(nullptr) {}                            // NOLINT(google-explicit-constructor)
  Value(bool v) : data(v) {}                                          // NOLINT(google-explicit-constructor)
  Value(int v) : data(static_cast<std::int64_t>(v)) {}                // NOLINT(google-explicit-constructor)
  Value(std::int64_t v) : data(v) {}                                  // NOLINT(google-explicit-constructor)
  Value(double v) : data(v) {}                                        // NOLINT(google-explicit-constructor)
  Value(const char* v) : data(std::string(v)) {}                      // NOLINT(google-explicit-constructor)
  Value(std::string v) : data(std::move(v)) {}                        // NOLINT(google-explicit-constructor)
  Value(std::string_view v) : data(std::string(v)) {}                 // NOLINT(google-explicit-constructor)
  Value(List v) : data(std::move(v)) {}                               // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::nullptr_t>(data); }
  [[nodiscard]] std::optional<bool> as_bool() const;
  [[nodiscard]] std::optional<std::int64_t> as_int() const;    // an integral double counts
  [[nodiscard]] std::optional<double> as_double() const;       // an integer counts
  [[nodiscard]] const std::string* as_string() const;
  [[nodiscard]] const List* as_list() const;
  /// Numbers compare by value across int and double.
  bool operator==(const Value& other) const;
};

/// JSON text of a value.
[[nodiscard]] std::string to_string(const Value& value);
/// What `--set KEY=VALUE` means: null, true, false, a number, a JSON list, else a string.
[[nodiscard]] Value parse_value(std::string_view text);

/// Where a config value came from, weakest first.
enum class ConfigOrigin { kDefault, kVariantTable, kSiblingConfig, kShapes, kConfigFile, kSet };
[[nodiscard]] std::string_view origin_name(ConfigOrigin origin);

/// Keys (dotted where nested) in the order they were set, each with its origin.
class Config {
 public:
  struct Item {
    std::string key;
    Value value;
    ConfigOrigin origin = ConfigOrigin::kDefault;
  };
  void set(std::string_view key, Value value, ConfigOrigin origin = ConfigOrigin::kDefault);
  void erase(std::string_view key);
  [[nodiscard]] const Value* find(std::string_view key) const;
  [[nodiscard]] const Item* item(std::string_view key) const;
  [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }
  /// The caller says what type it needs; a missing key or another type gives `otherwise`.
  [[nodiscard]] std::int64_t int_or(std::string_view key, std::int64_t otherwise) const;
  [[nodiscard]] double double_or(std::string_view key, double otherwise) const;
  [[nodiscard]] bool bool_or(std::string_view key, bool otherwise) const;
  [[nodiscard]] std::string string_or(std::string_view key, std::string_view otherwise) const;
  [[nodiscard]] const std::vector<Item>& items() const { return items_; }

 private:
  std::vector<Item> items_;
};

}  // namespace tenon
