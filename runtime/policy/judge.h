// Which rule or preset cell decides over a finding, and how.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tenon/policy.h>
#include <vector>

#include "runtime/check/compare.h"
#include "runtime/mapping/pattern.h"

namespace tenon {

/// What the policy does about one finding. `rule` is empty where plain strictness refuses.
struct Judgement {
  Action action = Action::kRefuse;
  Severity severity = Severity::kError;
  Fill fill;
  std::string method;
  std::string rule;
  std::optional<DType> to;
  bool by_user = false;
};

/// A policy with its patterns read. Remembers which rules were of use.
class Judge {
 public:
  /// The error says which rule has which wrong pattern, action or value.
  [[nodiscard]] static Result<Judge> make(const Policy& policy);

  /// The first rule on `kind` whose pattern matches the key, else the preset's cell. kShape by the
  /// preset comes back as refused; what a preset adapts depends on the tensors: see AskedSizes.
  [[nodiscard]] Judgement judge(FindingKind kind, std::string_view key);
  /// The dtype a rule wants for a float tensor of this name; nullopt where no rule casts it.
  [[nodiscard]] std::optional<Judgement> cast_for(std::string_view key);

  [[nodiscard]] const Policy& policy() const { return policy_; }
  /// Rules that decided over nothing.
  [[nodiscard]] std::vector<const PolicyRule*> unused() const;

 private:
  struct Compiled {
    SelectPattern key;
    std::vector<SelectPattern> keep_fp32;
  };
  explicit Judge(const Policy& policy) : policy_(policy) {}
  [[nodiscard]] std::optional<std::size_t> first_match(FindingKind kind, std::string_view key);

  Policy policy_;
  std::vector<Compiled> compiled_;
  std::set<std::size_t> used_;
};

/// "zeros", "ones", "0.5", "the module's default".
[[nodiscard]] std::string fill_name(const Fill& fill);

}  // namespace tenon
