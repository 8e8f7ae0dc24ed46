// What every family's `derive` does alike: weighs shapes, the caller's values, native configs and the variant table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tenon/family.h>
#include <tenon/value.h>

namespace tenon {

/// Builds a Derivation key by key, in the order in which the config is printed.
///
/// * What shapes give wins over a sibling config (a warning) and yields to `--config` and `--set` (an error that a policy may
///   waive: the asked-for config decides the model).
/// * What shapes cannot tell comes from `--set`, `--config`, a sibling, the variant table, a stated rule; else it is undecidable.
class ConfigBuilder {
 public:
  ConfigBuilder(std::string_view family, const DeriveInput& input) : family_(family), input_(input) {}

  /// A read; null when the names are absent.
  [[nodiscard]] const Value& read(std::string_view name) const;
  [[nodiscard]] std::int64_t read_int(std::string_view name, std::int64_t otherwise = 0) const;
  [[nodiscard]] bool read_bool(std::string_view name) const;
  /// What the caller or a native config says of a key; null when nobody said anything.
  [[nodiscard]] const Value& asked(std::string_view key) const;

  /// A value that shapes give.
  void from_shapes(std::string_view key, Value value);
  /// A value that no tensor shows and that has a fixed meaning when nobody says otherwise.
  void or_default(std::string_view key, Value otherwise);
  /// A value that shapes cannot tell. Taken from the caller, a native config or the variant; else undecidable with `choices`.
  /// Returns whether it is decided.
  bool cannot_tell(std::string_view key, std::vector<Value> choices, bool needed_by_forward);

  /// Chooses the variant by the config so far; call it after the last value that `match` and `prefer` name.
  /// Columns that this config lacks (one tower of two) do not count. `otherwise` where none matches.
  void choose_variant(std::string_view otherwise = "custom");
  /// The chosen variant's value for a `gives` column; null when none is given or the matching names disagree.
  [[nodiscard]] Value given(std::string_view key) const;

  [[nodiscard]] const Config& config() const { return result_.config; }
  [[nodiscard]] Derivation& result() { return result_; }
  [[nodiscard]] Derivation finish() { return std::move(result_); }

 private:
  bool take_asked_or_given(std::string_view key);

  std::string_view family_;
  const DeriveInput& input_;
  std::vector<const Variant*> variants_;  // those that match, best first
  bool named_ = false;                    // the caller named the first of them: it alone gives values
  Derivation result_;
};

}  // namespace tenon
