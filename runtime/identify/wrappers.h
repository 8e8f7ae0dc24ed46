// What prefixes mean: which wrappers they hold, and what the part behind them is called.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tenon/checkpoint.h>

#include "runtime/identify/tables.h"

namespace tenon {

class Wrappers {
 public:
  Wrappers(const Checkpoint& checkpoint, const Tables& tables) : checkpoint_(checkpoint), tables_(tables) {}

  /// The leading segments of a name that are wrappers or declared bundle prefixes of `family`, with their last dot.
  [[nodiscard]] std::string accounted_prefix(const FamilyTable& family, std::string_view name) const;

  /// Every way to strip leading transparent wrappers off a name: lengths, none first.
  [[nodiscard]] std::vector<std::size_t> strippings(std::string_view name) const;

  /// The prefix without its transparent wrappers.
  [[nodiscard]] std::string core(std::string_view prefix) const;

  struct PartName {
    std::string name;
    bool soft = false;  // gives way to "model" when the part is alone
  };
  [[nodiscard]] PartName part_name(const FamilyTable& family, std::string_view prefix) const;

  /// The wrappers in a prefix of a part of `family` and what puts them there: `"_orig_mod." (torch.compile)`; empty when there is
  /// none. A bundle prefix that the family declares is no wrapper.
  [[nodiscard]] std::string stripped(std::string_view family, std::string_view prefix) const;
  /// Whether a top-level entry of a pickle belongs to a training state ("optimizer", "epoch").
  [[nodiscard]] bool is_training(std::string_view key) const;
  /// Why a name of no part is harmless; null when it is not.
  [[nodiscard]] const HarmlessTemplate* harmless(std::string_view name) const;

 private:
  [[nodiscard]] bool transparent(std::string_view segment) const;

  const Checkpoint& checkpoint_;
  const Tables& tables_;
};

}  // namespace tenon
