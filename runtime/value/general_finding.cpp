#include "runtime/value/general_finding.h"

#include <utility>

#include "runtime/io/text.h"

namespace tenon {

Finding general_finding(std::string_view id, FindingKind kind, Severity severity, std::string message, std::string remedy) {
  Finding finding;
  finding.id = id;
  finding.kind = kind;
  finding.severity = severity;
  finding.action = severity == Severity::kError ? Action::kRefuse : Action::kKeep;
  finding.message = io::short_message(std::move(message));
  finding.remedy = std::move(remedy);
  return finding;
}

}  // namespace tenon
