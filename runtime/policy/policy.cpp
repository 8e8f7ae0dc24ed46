// The presets by name, and waivers written in C++.
#include <array>
#include <fmt/format.h>
#include <tenon/policy.h>
#include <utility>

#include "runtime/io/text.h"

namespace tenon {
namespace {

constexpr std::array<std::pair<std::string_view, PolicyBase>, 4> kPresets = {{
    {"strict", PolicyBase::kStrict},
    {"lenient", PolicyBase::kLenient},
    {"hf-like", PolicyBase::kHfLike},
    {"ignore_mismatched_sizes", PolicyBase::kIgnoreMismatchedSizes},
}};

PolicyRule rule(FindingKind on, std::string key, Action action, Severity level,
                std::string_view function) {
  PolicyRule made;
  made.on = on;
  made.action = action;
  made.level = level;
  made.text = fmt::format("{}({})", function, io::quoted(key));
  made.key = std::move(key);
  return made;
}

}  // namespace

Result<Policy> policy_preset(std::string_view name) {
  for (const auto& [preset, base] : kPresets) {
    if (name != preset) continue;
    Policy policy;
    policy.name = preset;
    policy.base = base;
    return policy;
  }
  return fail(ErrorKind::kUsage, "TN-POLICY-NAME",
              fmt::format("{} is no policy; required: strict, lenient, hf-like, "
                          "ignore_mismatched_sizes or a policy "
                          "file [TN-POLICY-NAME]",
                          io::quoted(name)),
              "tenon explain TN-POLICY-NAME");
}

Policy& Policy::allow_missing(std::string key, Fill with, Severity level) {
  rules.push_back(
      rule(FindingKind::kMissing, std::move(key), Action::kFill, level, "allow_missing"));
  rules.back().with = with;
  return *this;
}

Policy& Policy::allow_unexpected(std::string key, Severity level) {
  rules.push_back(
      rule(FindingKind::kUnexpected, std::move(key), Action::kDrop, level, "allow_unexpected"));
  return *this;
}

Policy& Policy::resize(std::string key, std::string method) {
  rules.push_back(
      rule(FindingKind::kShape, std::move(key), Action::kResize, Severity::kWarning, "resize"));
  rules.back().method = std::move(method);
  return *this;
}

Policy& Policy::inflate(std::string key, Fill with) {
  rules.push_back(
      rule(FindingKind::kShape, std::move(key), Action::kInflate, Severity::kWarning, "inflate"));
  rules.back().with = with;
  return *this;
}

Policy& Policy::cast(std::string key, DType to, std::vector<std::string> keep_fp32) {
  rules.push_back(
      rule(FindingKind::kDtype, std::move(key), Action::kCast, Severity::kNote, "cast"));
  rules.back().to = to;
  rules.back().keep_fp32 = std::move(keep_fp32);
  return *this;
}

}  // namespace tenon
