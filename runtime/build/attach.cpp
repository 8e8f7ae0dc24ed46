#include "runtime/build/attach.h"

#include <utility>

#include <tenon/nn/spec_of.h>

#include "runtime/build/guard.h"
#include "runtime/build/stages.h"
#include "runtime/identify/tables.h"
#include "runtime/io/text.h"
#include "runtime/value/general_finding.h"

namespace tenon::loading {
namespace {

std::optional<DType> dtype_of_floats(const torch::nn::Module& module) {
  for (const auto& parameter : module.parameters()) {
    if (parameter.is_floating_point()) return dtype_of(parameter.scalar_type());
  }
  return std::nullopt;
}

Result<LoadOptions> options_for_partners(const Loaded<torch::nn::Module>& model, const LoadOptions& options) {
  const auto tables = tables_for(options);
  if (!tables) return tl::unexpected(tables.error());
  LoadOptions theirs;
  theirs.device = options.device;
  theirs.dtype = dtype_of_floats(*model.model);
  theirs.io = options.io;
  theirs.verify = options.verify;
  theirs.tables = *tables;
  theirs.families = options.families;
  theirs.limits = options.limits;
  theirs.progress = options.progress;
  theirs.audit = options.audit;
  theirs.forward = options.forward;
  for (const auto& item : options.set.items()) {
    if (!has_config_key(**tables, model.report.family, item.key)) theirs.set.set(item.key, item.value, ConfigOrigin::kSet);
  }
  return theirs;
}

std::string label(const std::string& role, const std::string& path) { return "--with " + role + "=" + io::escape(path, 160); }

Failure about(const std::string& role, const std::string& path, Error error) {
  error.message = io::short_message(label(role, path) + ": " + error.message);
  return Failure(std::move(error));
}

Finding note(const std::string& role, const std::string& path, const LoadReport& partner, const std::string& joined) {
  const std::string variant = partner.variant.empty() ? "" : "/" + partner.variant;
  return general_finding("TN-ATTACHED", FindingKind::kPair, Severity::kNote,
                         label(role, path) + " is " + partner.family + variant + "; it joined " + joined);
}

/// Roles whose partner is there to change what runs; the others are only held against it.
bool changes_the_model(const std::string& role) { return role == "adapter" || role == "lora" || role == "controlnet"; }

Finding left_out(const std::string& role, const std::string& path, const std::string& model) {
  return general_finding("TN-NOT-ATTACHED", FindingKind::kPair, Severity::kWarning,
                         label(role, path) + " changes nothing: " + model + " was loaded without it, since tenon joins no such partner to a model",
                         "tenon explain TN-NOT-ATTACHED");
}

}  // namespace

Result<void> attach_partners(Loaded<torch::nn::Module>& model, const LoadOptions& options) {
  if (options.with.empty()) return {};
  const auto theirs = options_for_partners(model, options);
  if (!theirs) return tl::unexpected(theirs.error());
  for (const auto& [role, path] : options.with) {
    auto planned = plan_for(path, *theirs, theirs->forward);
    if (!planned) return about(role, path, planned.error());
    const auto* const family = planned->family;
    if (family == nullptr || family->attach == nullptr) {
      if (changes_the_model(role)) model.report.findings.push_back(left_out(role, path, model.report.family));
      continue;
    }
    auto partner = build_planned(std::move(*planned), *theirs);
    if (!partner) return about(role, path, partner.error());
    const auto joined = guarded("attaching a partner", [&] { return family->attach(partner->model, *model.model); });
    if (!joined) return about(role, path, joined.error());
    model.report.findings.push_back(note(role, path, partner->report, *joined));
  }
  return {};
}

}  // namespace tenon::loading
