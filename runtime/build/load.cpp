// Stage "build", joined to the plan: build and load_any.
#include <tenon/load.h>

#include <algorithm>
#include <utility>

#include "runtime/build/attach.h"
#include "runtime/build/guard.h"
#include "runtime/build/logged.h"
#include "runtime/build/refusal.h"
#include "runtime/build/run_plan.h"
#include "runtime/build/stages.h"
#include "runtime/io/text.h"
#include "runtime/value/quoted.h"

namespace tenon {
namespace {

std::string choices_of(const Undecidable& open) {
  std::string text;
  for (const auto& choice : open.choices) {
    if (text.size() > 160) return text + ", ...";
    text += (text.empty() ? "" : ", ") + quoted(choice);
  }
  return text;
}

/// The forward needs a value that nobody decided: strict about being right, a load refuses what a check only warns of.
Failure undecided(const Planned& planned) {
  const auto& open = planned.identity.parts[planned.part].undecidable;
  const auto needed = std::find_if(open.begin(), open.end(), [](const auto& u) { return u.needed_by_forward; });
  Finding finding;
  finding.id = "TN-UNDECIDABLE";
  finding.kind = FindingKind::kConfig;
  if (needed == open.end()) {
    finding.message = "a value that the forward needs cannot be told from the checkpoint [TN-UNDECIDABLE]";
  } else {
    finding.message = io::escape(needed->what) + " cannot be told from the checkpoint (" + choices_of(*needed) +
                      " are possible); the forward needs it [TN-UNDECIDABLE]";
    finding.remedy = "say which: " + needed->set_with;
  }
  auto report = planned.report;
  report.findings.insert(report.findings.begin(), finding);
  for (auto& diagnosis : report.diagnosis) {
    for (auto& index : diagnosis.explains) ++index;
  }
  return loading::refusal(std::move(report), finding);
}

}  // namespace

Result<Loaded<torch::nn::Module>> loading::build_planned(Planned planned, const LoadOptions& options) {
  if (!planned.plan || !planned.skeleton) return loading::refusal(std::move(planned.report));
  if (options.forward && !planned.report.loadable) return undecided(planned);
  auto report = loading::run_plan(*planned.skeleton, *planned.checkpoint, *planned.plan, std::move(planned.report), options);
  if (!report) return tl::unexpected(report.error());
  return Loaded<torch::nn::Module>{std::move(planned.skeleton), std::move(*report)};
}

Result<Loaded<torch::nn::Module>> build(Planned planned, const LoadOptions& options) {
  const std::string path = planned.checkpoint ? planned.checkpoint->path : std::string();
  return loading::logged(options.log, path, loading::build_planned(std::move(planned), options));
}

Result<Loaded<torch::nn::Module>> load_any(const std::string& path, const LoadOptions& options) {
  const auto load = [&]() -> Result<Loaded<torch::nn::Module>> {
    auto planned = loading::plan_for(path, options, options.forward);
    if (!planned) return tl::unexpected(planned.error());
    auto loaded = loading::build_planned(std::move(*planned), options);
    if (!loaded) return loaded;
    if (auto attached = loading::attach_partners(*loaded, options); !attached) return tl::unexpected(attached.error());
    return loaded;
  };
  return loading::logged(options.log, path, loading::guarded("loading the checkpoint", load));
}

}  // namespace tenon
