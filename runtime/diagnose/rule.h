// A rule: a pure function from a case to a cause, or to nothing.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/diagnose/diagnose.h"

namespace tenon {

/// How far back in the chain of causes a rule looks: a wrong file explains wrong names, which
/// explain missing tensors.
enum class Depth {
  kIdentity,  // another thing altogether
  kVariant,  // the right thing in another version
  kPartner,  // two files that do not belong together
  kUnbuilt,  // known, and without a model
  kEncoding,  // the numbers are packed or scaled in a way that is not undone here
  kCoverage,  // hardly anything of the model is there
  kExtent,  // a whole tower, or the end of the file, is absent
  kSizes,  // head, resolution, channels
  kConfig,  // depth, width, whatever was set by hand
  kNames,  // single tensors under other names
  kTensors,  // single tensors
  kRequest,  // what the caller has to say and has not said
};

struct Cause {
  std::string text;
  std::string remedy;
  std::vector<std::size_t> explains;  // indices of findings; at least one
  std::size_t roots = 0;  // so many of them, the first, are the cause itself and the rest follow from it; 0: all
};

struct CauseRule {
  std::string_view id;
  Depth depth;
  std::optional<Cause> (*ask)(const Case& subject);
};

[[nodiscard]] std::span<const CauseRule> identity_rules();
[[nodiscard]] std::span<const CauseRule> size_rules();
[[nodiscard]] std::span<const CauseRule> tensor_rules();
[[nodiscard]] std::span<const CauseRule> request_rules();

}  // namespace tenon
