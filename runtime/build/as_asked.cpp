#include "runtime/build/as_asked.h"

#include <algorithm>
#include <utility>

#include "runtime/identify/tables.h"
#include "runtime/io/text.h"
#include "runtime/value/general_finding.h"

namespace tenon::loading {

bool is_another_variant(const Planned& planned, const LoadOptions& options) {
  if (options.variant.empty() || options.policy.base == PolicyBase::kStrict) return false;
  const auto& findings = planned.report.findings;
  return std::any_of(findings.begin(), findings.end(), [](const Finding& finding) { return finding.id == "TN-VARIANT"; });
}

LoadOptions ask_for_its_values(const LoadOptions& options, const std::string& family, const Tables& tables) {
  LoadOptions asked = options;
  asked.variant.clear();
  const FamilyTable* const table = tables.family(family);
  if (table == nullptr) return asked;
  for (const Variant& variant : variants_of(*table)) {
    if (variant.name != options.variant) continue;
    for (const Config::Item& item : variant.match.items()) {
      if (!options.set.has(item.key)) asked.set.set(item.key, item.value, ConfigOrigin::kSet);
    }
  }
  return asked;
}

void say_what_it_was(Planned& planned, const std::string& was) {
  LoadReport& report = planned.report;
  Finding finding = general_finding(
      "TN-VARIANT", FindingKind::kIdentity, Severity::kWarning,
      "this is " + report.family + "/" + io::escape(was, 100) + "; --as asks for " + report.family + "/" +
          io::escape(report.variant, 100) + ", so it is taken as that and loses what that has no place for",
      "tenon explain TN-VARIANT");
  report.findings.insert(report.findings.begin(), std::move(finding));
  for (Diagnosis& diagnosis : report.diagnosis) {
    for (std::size_t& index : diagnosis.explains) ++index;
  }
  if (report.verdict == Verdict::kAccepted) report.verdict = Verdict::kAcceptedWithWaivers;
}

}  // namespace tenon::loading
