// Stages "open" to "decide", joined: plan_any.
#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include <tenon/load.h>
#include <tenon/nn/spec_of.h>

#include "runtime/build/as_asked.h"
#include "runtime/build/guard.h"
#include "runtime/build/integrity.h"
#include "runtime/build/logged.h"
#include "runtime/build/partners.h"
#include "runtime/build/progress.h"
#include "runtime/build/refusal.h"
#include "runtime/build/run_plan.h"
#include "runtime/build/stages.h"
#include "runtime/identify/choose_part.h"
#include "runtime/identify/notes.h"
#include "runtime/io/read_all.h"
#include "runtime/io/text.h"
#include "runtime/value/general_finding.h"

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

/// Plain types too: the converter may have put rows in another order, and the file does not say so.
Result<void> decline_gguf(const Checkpoint& checkpoint) {
  for (const CheckpointFile& file : checkpoint.files) {
    if (file.container != Container::kGguf) continue;
    return io::refuse(ErrorKind::kUnsupported, "GG-LOAD", {.file = file.path}, "a GGUF file; its tensors are listed and never loaded",
                      "safetensors or torch.save weights are required",
                      "Take the safetensors files that this one was made from; tenon ls and tenon inspect say what is in it.");
  }
  return {};
}

Result<Opened> open(const std::string& path, const LoadOptions& options, const Progress& progress) {
  const auto argument = split_argument(path);
  if (auto begun = progress.report("open"); !begun) return tl::unexpected(begun.error());
  auto checkpoint = open_checkpoint(argument.path, options.limits);
  if (!checkpoint) return tl::unexpected(checkpoint.error());
  if (auto loadable = decline_gguf(**checkpoint); !loadable) return tl::unexpected(loadable.error());
  auto hashed = check_sha256(**checkpoint, options.sha256, options.policy.expect.sha256, progress);
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

/// A key that the family does not have, or a value of another type, is the caller's slip and no property of the file.
Result<void> settings_fit(const Part& part) {
  for (const auto& finding : part.findings) {
    if (finding.id != "TN-CONFIG-KEY" && finding.id != "TN-CONFIG-VALUE") continue;
    return fail(ErrorKind::kUsage, finding.id, "--set: " + finding.message + " [" + finding.id + "]", finding.remedy);
  }
  return {};
}

/// Values that the caller asked for and that nothing in the file contradicts.
bool callers_fault(const LoadOptions& options, const Part& part) {
  const bool contradicted = std::any_of(part.findings.begin(), part.findings.end(), [](const Finding& finding) {
    return finding.severity == Severity::kError;
  });
  return !contradicted && (!options.set.items().empty() || !options.config_path.empty());
}

/// The file's tensors do not add up to a model's config.
Finding impossible_config(const Error& error) {
  return general_finding("TN-CONFIG-IMPOSSIBLE", FindingKind::kConfig, Severity::kError, error.message,
                         "tenon explain TN-CONFIG-IMPOSSIBLE");
}

using Clock = std::chrono::steady_clock;
double seconds(Clock::duration d) { return std::chrono::duration<double>(d).count(); }

Result<Planned> plan_once(const std::string& path, const LoadOptions& options, bool forward) {
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
  for (Finding& note : ending_notes(*opened->checkpoint)) identity->findings.push_back(std::move(note));

  if (auto begun = progress.report("plan"); !begun) return tl::unexpected(begun.error());
  auto partners = loading::open_partners(options, **tables);
  if (!partners) return tl::unexpected(partners.error());
  CheckRequest check;
  check.family = options.family;
  check.variant = options.variant;
  check.dtype = options.dtype;
  check.forward = forward;
  check.with = partners->list();
  if (identity->parts.empty()) {
    return loading::refusal(refuse_identity(*opened->checkpoint, *identity, nullptr, check), ErrorKind::kIdentity);
  }
  const auto chosen = choose_part(*identity, opened->part, options.family, opened->checkpoint->path);
  if (!chosen) return tl::unexpected(chosen.error());
  Planned planned{opened->checkpoint, std::move(*identity), *chosen, {}, std::nullopt, nullptr, nullptr};
  auto& part = planned.identity.parts[planned.part];
  const auto theirs = partners->keys_of_theirs(options.set, part.family, **tables);
  std::erase_if(part.findings, [&](const Finding& finding) {
    return finding.id == "TN-CONFIG-KEY" && std::find(theirs.begin(), theirs.end(), finding.target) != theirs.end();
  });
  if (auto fit = settings_fit(part); !fit) return tl::unexpected(fit.error());
  planned.family = module_of(options, part.family);
  partners->name_modules(**tables, *planned.checkpoint, part, check);
  if (!part.buildable || !planned.family) {
    planned.report = refuse_identity(*planned.checkpoint, planned.identity, &part, check);
    if (part.family.empty()) return loading::refusal(std::move(planned.report), ErrorKind::kIdentity);
    return planned;
  }

  auto module = loading::guarded("making the module", [&] { return planned.family->make(part.config); });
  if (!module) {
    if (module.error().kind != ErrorKind::kUsage || callers_fault(options, part)) return tl::unexpected(module.error());
    planned.identity.parts[planned.part].findings.push_back(impossible_config(module.error()));
    planned.report = refuse_identity(*planned.checkpoint, planned.identity, &part, check);
    return planned;
  }
  planned.skeleton = std::move(*module);
  check.head_prefixes = loading::head_prefixes(**tables, part.family);
  check.asked = loading::asked_of(options, part);
  for (const auto& key : theirs) check.asked.erase(key);
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

}  // namespace

Result<Planned> loading::plan_for(const std::string& path, const LoadOptions& options, bool forward) {
  auto planned = plan_once(path, options, forward);
  if (!planned || !loading::is_another_variant(*planned, options)) return planned;
  const auto tables = loading::tables_for(options);
  if (!tables) return planned;
  auto bent = plan_once(path, loading::ask_for_its_values(options, planned->report.family, **tables), forward);
  if (!bent || !bent->plan || bent->report.variant != options.variant) return planned;
  loading::say_what_it_was(*bent, planned->report.variant);
  return bent;
}

Result<Planned> plan_any(const std::string& path, const LoadOptions& options) {
  auto planned = loading::guarded("planning the load", [&] { return loading::plan_for(path, options, /*forward=*/false); });
  return loading::logged(options.log, path, std::move(planned));
}

}  // namespace tenon
