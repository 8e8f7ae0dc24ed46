#include "runtime/policy/rule_choices.h"

namespace tenon {
namespace {

constexpr Action kOnMissing[] = {Action::kFill, Action::kRefuse};
constexpr Action kOnUnexpected[] = {Action::kDrop, Action::kRefuse};
constexpr Action kOnShape[] = {Action::kResize, Action::kInflate, Action::kFill, Action::kRefuse};
constexpr Action kOnDtype[] = {Action::kCast, Action::kRefuse};
constexpr std::string_view kResizeMethods[] = {"bicubic", "bilinear", "nearest"};

}  // namespace

std::span<const Action> actions_on(FindingKind kind) {
  switch (kind) {
    case FindingKind::kMissing:
      return kOnMissing;
    case FindingKind::kUnexpected:
      return kOnUnexpected;
    case FindingKind::kShape:
      return kOnShape;
    case FindingKind::kDtype:
      return kOnDtype;
    default:
      return {};
  }
}

std::span<const std::string_view> resize_methods() { return kResizeMethods; }

}  // namespace tenon
