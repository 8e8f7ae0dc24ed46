// The words that reports use for the enumerators.
#include <tenon/report.h>

namespace tenon {

std::string_view to_string(FindingKind kind) {
  switch (kind) {
    case FindingKind::kMissing:
      return "missing";
    case FindingKind::kUnexpected:
      return "unexpected";
    case FindingKind::kShape:
      return "shape";
    case FindingKind::kDtype:
      return "dtype";
    case FindingKind::kDuplicate:
      return "duplicate";
    case FindingKind::kIdentity:
      return "identity";
    case FindingKind::kConfig:
      return "config";
    case FindingKind::kPair:
      return "pair";
    case FindingKind::kContainer:
      return "container";
    case FindingKind::kValue:
      return "value";
    case FindingKind::kPolicy:
      return "policy";
  }
  return "unknown";
}

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::kNote:
      return "note";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      return "error";
  }
  return "unknown";
}

std::string_view to_string(Action action) {
  switch (action) {
    case Action::kRefuse:
      return "refuse";
    case Action::kDrop:
      return "drop";
    case Action::kFill:
      return "fill";
    case Action::kResize:
      return "resize";
    case Action::kInflate:
      return "inflate";
    case Action::kCast:
      return "cast";
    case Action::kDerive:
      return "derive";
    case Action::kKeep:
      return "keep";
  }
  return "unknown";
}

std::string_view to_string(Origin origin) {
  switch (origin) {
    case Origin::kFile:
      return "file";
    case Origin::kDerived:
      return "derived";
    case Origin::kFilled:
      return "filled";
  }
  return "unknown";
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAccepted:
      return "accepted";
    case Verdict::kAcceptedWithWaivers:
      return "accepted-with-waivers";
    case Verdict::kRefused:
      return "refused";
  }
  return "unknown";
}

}  // namespace tenon
