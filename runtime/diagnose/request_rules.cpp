// What the caller has to say and has not said.
#include <fmt/format.h>

#include "runtime/diagnose/words.h"
#include "runtime/io/text.h"

namespace tenon {
namespace {

std::optional<Cause> undecided(const Case& subject) {
  auto explains =
      refusing(subject, [](const Finding& finding) { return has_id(finding, "TN-UNDECIDABLE"); });
  if (explains.empty()) return std::nullopt;
  const Finding& first = subject.findings[explains[0]];
  return Cause{
      fmt::format("{}, and nobody said which", cut(first.message, 300)),
      first.remedy.starts_with("--") ? command(subject, "check", first.remedy) : first.remedy,
      std::move(explains)};
}

constexpr CauseRule kRequestRules[] = {
    {"TN-D-UNDECIDABLE", Depth::kRequest, undecided},
};

}  // namespace

std::span<const CauseRule> request_rules() { return kRequestRules; }

}  // namespace tenon
