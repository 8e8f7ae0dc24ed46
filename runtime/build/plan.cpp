// Stages "open" to "decide", joined: plan_any.
#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include <tenon/load.h>
#include <tenon/nn/spec_of.h>

#include "runtime/identify/choose_part.h"
#include "runtime/build/guard.h"
#include "runtime/build/integrity.h"
#include "runtime/build/partners.h"
#include "runtime/build/progress.h"
#include "runtime/build/refusal.h"
#include "runtime/build/run_plan.h"
#include "runtime/build/stages.h"
#include "runtime/io/read_all.h"
#include "runtime/io/text.h"

namespace tenon {
namespace loading {

Result<std::shared_ptr<const Tables>> tables_for(const LoadOptions& options) {
  if (options.tables) return options.tables;
  if (options.families.empty()) return builtin_tables();
  TablesOptions request;
  request.limits = options.limits;
  for (const auto& family : options.families) {
    if (family.tables) request.extra.push_back(*family.tables);
  }
  return load_tables(request);
}

Result<IdentifyRequest> identify_request(const LoadOptions& options) {
  IdentifyRequest request{options.family, options.variant, std::nullopt, options.set};
  if (options.config_path.empty()) return request;
  auto text = io::read_text_file(options.config_path, options.limits.config_bytes);
  if (!text) {
    auto error = text.error();
    error.kind = ErrorKind::kUsage;  // the caller named this file
    return tl::unexpected(std::move(error));
  }
  request.config = ConfigText{options.config_path, std::move(*text)};
  return request;
}

Config asked_of(const LoadOptions& options, const Part& part) {
  Config asked;
  for (const auto& item : part.config.items()) {
    if (item.origin == ConfigOrigin::kConfigFile || item.origin == ConfigOrigin::kSet) asked.set(item.key, item.value, item.origin);
  }
  for (const auto& item : options.set.items()) asked.set(item.key, item.value, ConfigOrigin::kSet);
  return asked;
}

Result<Opened> open(const std::string& path, const LoadOptions& options, const Progress& progress) {
  const auto argument = split_argument(path);
  if (auto begun = progress.report("open"); !begun) return tl::unexpected(begun.error());
  auto checkpoint = open_checkpoint(argument.path, options.limits);
  if (!checkpoint) return tl::unexpected(checkpoint.error());
  auto hashed = check_sha256(**checkpoint, options.sha256, options.policy.expect.sha256);
  if (!hashed) return tl::unexpected(hashed.error());
  return Opened{std::move(*checkpoint), argument.part.empty() ? options.part : argument.part};
}

}  // namespace loading

namespace {

const FamilyModule* module_of(const LoadOptions& options, const std::string& family) {
  const auto named = [&](const FamilyModule& candidate) { return candidate.name == family; };
  const auto extra = std::find_if(options.families.begin(), options.families.end(), named);
  if (extra != options.families.end()) return &*extra;
  const auto builtin = builtin_family_modules();
  const auto found = std::find_if(builtin.begin(), builtin.end(), named);
  return found == builtin.end() ? nullptr : &*found;
}

LoadReport report_of(const Part& part, const Policy& policy) {
  LoadReport report;
  report.policy = policy.name;
  report.part = part.part;
  report.family = part.family;
  report.variant = part.variant;
  report.layout = part.layout;
  report.config = part.config;
  report.counts.found = part.tensors.size();
  report.findings = part.findings;
  return report;
}

/// Recognised, and not a module that tenon has.
LoadReport not_built(const Part& part, const Policy& policy) {
  auto report = report_of(part, policy);
  Finding finding;
  finding.id = "TN-NOT-BUILT";
  finding.kind = FindingKind::kIdentity;
  finding.message = "part " + io::quoted(part.part) + " is recognised as " + part.family + ", which tenon does not build";
  if (!part.declined.empty()) finding.message += ": " + io::escape(part.declined, 200);
  finding.message += " [TN-NOT-BUILT]";
  finding.remedy = "tenon inspect lists the parts and says which of them can be loaded";
  report.diagnosis.push_back({"TN-D-NOT-BUILT", finding.message, finding.remedy, {report.findings.size()}});
  report.findings.push_back(std::move(finding));
  return report;
}

Failure unidentified(const Checkpoint& checkpoint, const Identity& identity, const Part& part, const Policy& policy) {
  auto report = report_of(part, policy);
  report.findings.insert(report.findings.end(), identity.findings.begin(), identity.findings.end());
  const bool ambiguous = identity.status == IdentityStatus::kAmbiguous;
  Finding finding;
  finding.id = ambiguous ? "TN-AMBIGUOUS" : "TN-UNKNOWN";
  finding.kind = FindingKind::kIdentity;
  finding.message = io::message_line({.file = checkpoint.path},
                                     ambiguous ? "several families explain it equally well" : "no family that tenon knows",
                                     part.nearest.empty() ? "one family must explain its tensors" : "nearest: " + part.nearest,
                                     finding.id);
  finding.remedy = ambiguous ? "say which it is with --as FAMILY" : "tenon ls prints its tensors; --as FAMILY says what is missing";
  report.diagnosis.push_back({"TN-D-UNKNOWN", finding.message, finding.remedy, {report.findings.size()}});
  report.findings.push_back(std::move(finding));
  return loading::refusal(std::move(report), ErrorKind::kIdentity);
}

using Clock = std::chrono::steady_clock;
double seconds(Clock::duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace

Result<Planned> loading::plan_for(const std::string& path, const LoadOptions& options, bool forward) {
  const loading::Progress progress(options.progress);
  const auto start = Clock::now();
  auto opened = loading::open(path, options, progress);
  if (!opened) return tl::unexpected(opened.error());
  const auto open_done = Clock::now();

  if (auto begun = progress.report("identify"); !begun) return tl::unexpected(begun.error());
  const auto tables = loading::tables_for(options);
  if (!tables) return tl::unexpected(tables.error());
  const auto request = loading::identify_request(options);
  if (!request) return tl::unexpected(request.error());
  auto identity = identify(*opened->checkpoint, **tables, *request);
  if (!identity) return tl::unexpected(identity.error());

  if (auto begun = progress.report("plan"); !begun) return tl::unexpected(begun.error());
  const auto chosen = choose_part(*identity, opened->part, options.family, opened->checkpoint->path);
  if (!chosen) return tl::unexpected(chosen.error());
  Planned planned{opened->checkpoint, std::move(*identity), *chosen, {}, std::nullopt, nullptr, nullptr};
  const auto& part = planned.identity.parts[planned.part];
  if (part.family.empty()) return unidentified(*planned.checkpoint, planned.identity, part, options.policy);
  planned.family = module_of(options, part.family);
  if (!part.buildable || !planned.family) {
    planned.report = not_built(part, options.policy);
    return planned;
  }

  auto module = loading::guarded("making the module", [&] { return planned.family->make(part.config); });
  if (!module) return tl::unexpected(module.error());
  planned.skeleton = std::move(*module);
  CheckRequest check;
  check.family = options.family;
  check.variant = options.variant;
  check.dtype = options.dtype;
  check.head_prefixes = loading::head_prefixes(**tables, part.family);
  check.asked = loading::asked_of(options, part);
  check.forward = forward;
  const auto partners = loading::open_partners(options, **tables);
  if (!partners) return tl::unexpected(partners.error());
  check.with = partners->list();
  auto decision = decide(*planned.checkpoint,
                         planned.identity,
                         part,
                         spec_of(*planned.skeleton),
                         map_part(*planned.checkpoint, part),
                         options.policy,
                         check);
  planned.report = std::move(decision.report);
  planned.plan = std::move(decision.plan);
  if (planned.plan) {
    planned.report.memory = loading::memory_statement(*planned.checkpoint, *planned.plan, options);
  }
  planned.report.timings = Timings{.open_s = seconds(open_done - start), .plan_s = seconds(Clock::now() - open_done)};
  return planned;
}

Result<Planned> plan_any(const std::string& path, const LoadOptions& options) {
  return loading::plan_for(path, options, /*forward=*/false);
}

}  // namespace tenon
