// What a rule of a policy may say, whether it is written in a file or in C++.
#pragma once

#include <span>
#include <string_view>
#include <tenon/report.h>

namespace tenon {

/// What a rule may do about such a finding; empty for those that no rule decides over.
[[nodiscard]] std::span<const Action> actions_on(FindingKind kind);
/// How position tables are resized, the default first.
[[nodiscard]] std::span<const std::string_view> resize_methods();

}  // namespace tenon
