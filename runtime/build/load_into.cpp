// Weights for a module that the caller already has.
#include <chrono>
#include <utility>

#include <yaml-cpp/yaml.h>

#include <tenon/load.h>
#include <tenon/nn/spec_of.h>

#include "runtime/identify/choose_part.h"
#include "runtime/build/guard.h"
#include "runtime/build/logged.h"
#include "runtime/build/module_index.h"
#include "runtime/build/own_names.h"
#include "runtime/build/progress.h"
#include "runtime/build/refusal.h"
#include "runtime/build/run_plan.h"
#include "runtime/build/stages.h"
#include "runtime/build/two_layouts.h"
#include "runtime/io/text.h"

namespace tenon {
namespace {

using Clock = std::chrono::steady_clock;
double seconds(Clock::duration d) { return std::chrono::duration<double>(d).count(); }

struct Match {
  Identity identity;
  std::size_t part = 0;
  Mapped mapped;
};

/// A stranger's module has no config: its tensors say all there is.
Derivation derive_nothing(const DeriveInput&) { return {}; }

Result<std::string> family_of(const std::string& yaml) {
  try {
    return YAML::Load(yaml)["family"].as<std::string>();
  } catch (const YAML::Exception& e) {
    return fail(ErrorKind::kUsage, "TN-TABLE-FAMILY", "the rename table names no family: " + std::string(e.what()) + " [TN-TABLE-FAMILY]");
  }
}

/// Names through a table that the caller wrote.
Result<Match> match_by_table(const loading::Opened& opened, const LoadOptions& options, const std::string& yaml) {
  const auto family = family_of(yaml);
  if (!family) return tl::unexpected(family.error());
  TablesOptions request;
  request.families = {};
  request.limits = options.limits;
  request.extra.push_back({.name = *family, .yaml = yaml, .derive = derive_nothing});
  const auto tables = load_tables(request);
  if (!tables) return tl::unexpected(tables.error());
  auto identity = identify(*opened.checkpoint, **tables, {*family, "", std::nullopt, options.set});
  if (!identity) return tl::unexpected(identity.error());
  const auto part = choose_part(*identity, opened.part, *family, opened.checkpoint->path);
  if (!part) return tl::unexpected(part.error());
  auto mapped = map_part(*opened.checkpoint, identity->parts[*part]);
  return Match{std::move(*identity), *part, std::move(mapped)};
}

/// Names as they are. Parts that are recognised as something else (optimizer state) do not take part.
Result<Match> match_by_name(const loading::Opened& opened, const LoadOptions& options, const ModelSpec& spec) {
  Match match;
  Part part;
  part.part = "model";
  if (!opened.part.empty()) {
    const auto tables = loading::tables_for(options);
    if (!tables) return tl::unexpected(tables.error());
    auto identity = identify(*opened.checkpoint, **tables, {});
    if (!identity) return tl::unexpected(identity.error());
    const auto chosen = choose_part(*identity, opened.part, "", opened.checkpoint->path);
    if (!chosen) return tl::unexpected(chosen.error());
    part.part = opened.part;
    part.tensors = identity->parts[*chosen].tensors;
  }
  part.buildable = true;
  match.mapped = loading::map_own_names(*opened.checkpoint, spec, part);
  match.identity.status = IdentityStatus::kIdentified;
  match.identity.parts.push_back(std::move(part));
  return match;
}

/// Puts the root cause first where the file follows another library's names: all else that is said follows from it.
Result<void> name_two_layouts(LoadReport& report, const Checkpoint& checkpoint, const ModelSpec& spec, const LoadOptions& options) {
  const auto tables = loading::tables_for(options);
  if (!tables) return tl::unexpected(tables.error());
  auto cause = loading::two_layouts(checkpoint, spec, **tables);
  if (!cause) return {};
  for (std::size_t i = 0; i < report.findings.size(); ++i) {
    if (report.findings[i].severity == Severity::kError) cause->explains.push_back(i);
  }
  report.diagnosis = {std::move(*cause)};
  return {};
}

/// Where the module is; set_data would move a tensor without a word.
Result<c10::Device> device_of(const loading::ModuleIndex& module, c10::Device otherwise) {
  if (module.empty()) return otherwise;
  const auto first = module.begin()->second.tensor.device();
  for (const auto& [name, target] : module) {
    if (target.tensor.device() == first) continue;
    return fail(ErrorKind::kUsage,
                "TN-BIND",
                "tensor " + io::quoted(name) + ": on " + target.tensor.device().str() + "; all of a module's tensors must be on one device, here " +
                    first.str() + " [TN-BIND]");
  }
  return first;
}

Result<LoadReport> fill(torch::nn::Module& module,
                        const std::string& path,
                        const LoadOptions& options,
                        const std::string& rename_yaml) {
  const loading::Progress progress(options.progress);
  const auto start = Clock::now();
  const auto opened = loading::open(path, options, progress);
  if (!opened) return tl::unexpected(opened.error());
  const auto open_done = Clock::now();

  if (auto begun = progress.report("plan"); !begun) return tl::unexpected(begun.error());
  const auto spec = spec_of(module);
  auto match = rename_yaml.empty() ? match_by_name(*opened, options, spec) : match_by_table(*opened, options, rename_yaml);
  if (!match) return tl::unexpected(match.error());
  const auto& part = match->identity.parts[match->part];
  CheckRequest check;
  check.dtype = options.dtype;
  check.model_dtypes = !options.dtype;
  auto decision = decide(*opened->checkpoint, match->identity, part, spec, match->mapped, options.policy, check);
  if (!decision.plan && rename_yaml.empty()) {
    if (auto ok = name_two_layouts(decision.report, *opened->checkpoint, spec, options); !ok) return tl::unexpected(ok.error());
  }
  if (!decision.plan) return loading::refusal(std::move(decision.report));

  auto placed = options;
  if (options.device.is_cpu()) {
    const auto device = device_of(loading::index_of(module), options.device);
    if (!device) return tl::unexpected(device.error());
    placed.device = *device;
  }
  decision.report.timings = Timings{.open_s = seconds(open_done - start), .plan_s = seconds(Clock::now() - open_done)};
  return loading::run_plan(module, *opened->checkpoint, *decision.plan, std::move(decision.report), placed);
}

}  // namespace

Result<LoadReport> load_into(torch::nn::Module& module,
                             const std::string& path,
                             const LoadOptions& options,
                             const std::string& rename_yaml) {
  auto filled = loading::guarded("loading into the module", [&] { return fill(module, path, options, rename_yaml); });
  return loading::logged(options.log, path, std::move(filled));
}

}  // namespace tenon
