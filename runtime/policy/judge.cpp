#include "runtime/policy/judge.h"

#include <algorithm>
#include <fmt/format.h>

#include "runtime/io/text.h"
#include "runtime/policy/rule_choices.h"

namespace tenon {
namespace {

struct Cell {
  Action action;
  Severity severity;
};

constexpr Cell kRefuse{Action::kRefuse, Severity::kError};
constexpr Cell kFillAndWarn{Action::kFill, Severity::kWarning};
constexpr Cell kDropAndWarn{Action::kDrop, Severity::kWarning};

/// The presets' table. Whatever is not listed is refused.
Cell preset_cell(PolicyBase base, FindingKind kind) {
  const bool like_hf = base == PolicyBase::kHfLike || base == PolicyBase::kIgnoreMismatchedSizes;
  switch (kind) {
    case FindingKind::kMissing:
      return like_hf ? kFillAndWarn : kRefuse;
    case FindingKind::kUnexpected:
      return base == PolicyBase::kStrict ? kRefuse : kDropAndWarn;
    case FindingKind::kShape:
      return base == PolicyBase::kIgnoreMismatchedSizes ? kFillAndWarn : kRefuse;
    default:
      return kRefuse;
  }
}

Result<SelectPattern> parse_key(const PolicyRule& rule, const std::string& key) {
  auto pattern = SelectPattern::parse(key);
  if (pattern) return *pattern;
  return fail(ErrorKind::kUsage, "TN-POLICY-PATTERN",
              fmt::format("{}: {} [TN-POLICY-PATTERN]", io::escape(rule.text), pattern.error()),
              "tenon explain TN-POLICY-PATTERN");
}

/// A rule in C++ is checked here and not by a parser: one that does nothing about what it waives would leave a hole.
Result<void> rule_is_possible(const PolicyRule& rule) {
  const auto among = [](auto choices, const auto& chosen) {
    return std::find(choices.begin(), choices.end(), chosen) != choices.end();
  };
  const auto refuse = [&](const std::string& why) {
    return fail(ErrorKind::kUsage, "TN-POLICY-VALUE",
                fmt::format("rule {} on {}: {} [TN-POLICY-VALUE]", io::quoted(rule.text, 100),
                            io::quoted(rule.key, 100), why),
                "tenon explain TN-POLICY-VALUE");
  };
  if (!among(actions_on(rule.on), rule.action)) {
    return refuse(fmt::format("\"{}\" cannot be done about \"{}\"", to_string(rule.action), to_string(rule.on)));
  }
  if (!rule.method.empty() && !among(resize_methods(), rule.method)) {
    return refuse(fmt::format("method {} is not one of {}", io::quoted(rule.method, 40),
                              fmt::join(resize_methods(), ", ")));
  }
  if (rule.to && dtype_kind(*rule.to) != DTypeKind::kFloat) {
    return refuse(fmt::format("weights are cast to floating point numbers and not to {}", dtype_name(*rule.to)));
  }
  return {};
}

}  // namespace

Result<Judge> Judge::make(const Policy& policy) {
  Judge judge(policy);
  for (const PolicyRule& rule : judge.policy_.rules) {
    if (auto possible = rule_is_possible(rule); !possible) return tl::unexpected(possible.error());
    auto key = parse_key(rule, rule.key);
    if (!key) return tl::unexpected(key.error());
    Compiled compiled{*key, {}};
    for (const std::string& text : rule.keep_fp32) {
      auto kept = parse_key(rule, text);
      if (!kept) return tl::unexpected(kept.error());
      compiled.keep_fp32.push_back(*kept);
    }
    judge.compiled_.push_back(std::move(compiled));
  }
  return judge;
}

std::optional<std::size_t> Judge::first_match(FindingKind kind, std::string_view key) {
  for (std::size_t i = 0; i < compiled_.size(); ++i) {
    if (policy_.rules[i].on != kind || !compiled_[i].key.matches(key)) continue;
    used_.insert(i);
    return i;
  }
  return std::nullopt;
}

Judgement Judge::judge(FindingKind kind, std::string_view key) {
  Judgement judgement;
  if (const auto match = first_match(kind, key)) {
    const PolicyRule& rule = policy_.rules[*match];
    judgement.action = rule.action;
    judgement.severity = rule.action == Action::kRefuse ? Severity::kError : rule.level;
    judgement.fill = rule.with;
    judgement.method = rule.method;
    judgement.rule = rule.text;
    judgement.to = rule.to;
    judgement.by_user = true;
    return judgement;
  }
  const Cell cell = preset_cell(policy_.base, kind);
  judgement.action = cell.action;
  judgement.severity = cell.severity;
  if (cell.action != Action::kRefuse) judgement.rule = policy_.name;
  return judgement;
}

std::optional<Judgement> Judge::cast_for(std::string_view key) {
  const auto match = first_match(FindingKind::kDtype, key);
  if (!match) return std::nullopt;
  const PolicyRule& rule = policy_.rules[*match];
  Judgement judgement;
  judgement.action = rule.action;
  judgement.severity = rule.action == Action::kRefuse ? Severity::kError : rule.level;
  judgement.rule = rule.text;
  judgement.to = rule.to;
  judgement.by_user = true;
  for (const SelectPattern& kept : compiled_[*match].keep_fp32) {
    if (kept.matches(key)) judgement.to = DType::kF32;
  }
  return judgement;
}

std::vector<const PolicyRule*> Judge::unused() const {
  std::vector<const PolicyRule*> unused;
  for (std::size_t i = 0; i < policy_.rules.size(); ++i) {
    if (used_.count(i) == 0) unused.push_back(&policy_.rules[i]);
  }
  return unused;
}

std::string fill_name(const Fill& fill) {
  switch (fill.kind) {
    case Fill::Kind::kZeros:
      return "zeros";
    case Fill::Kind::kOnes:
      return "ones";
    case Fill::Kind::kConstant:
      return fmt::format("{}", fill.value);
    case Fill::Kind::kModuleDefault:
      return "the module's default";
  }
  return "unknown";
}

}  // namespace tenon
