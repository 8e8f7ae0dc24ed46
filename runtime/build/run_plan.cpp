#include "runtime/build/run_plan.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <sys/vfs.h>

#include "runtime/build/bind.h"
#include "runtime/build/device.h"
#include "runtime/build/execute.h"
#include "runtime/build/guard.h"
#include "runtime/build/progress.h"
#include "runtime/build/refusal.h"
#include "runtime/build/source_reader.h"

namespace tenon::loading {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Pages of a remote file may vanish under a mapping, and each fault is a round trip.
bool is_local(const std::string& path) {
  // NFS, SMB (three generations), FUSE, 9p, Ceph, AFS, Lustre, GPFS: statfs(2) and the file systems' own sources.
  constexpr std::array<std::uint32_t, 11> kRemote{0x6969,     0x517b,     0xff534d42, 0xfe534d42, 0x65735546, 0x01021997,
                                                  0x00c36400, 0x5346414f, 0x6b414653, 0x0bd00bd0, 0x47504653};
  struct statfs info {};
  if (statfs(path.c_str(), &info) != 0) return false;
  return std::find(kRemote.begin(), kRemote.end(), static_cast<std::uint32_t>(info.f_type)) == kRemote.end();
}

bool casts(const Checkpoint& checkpoint, const LoadPlan& plan) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), [&](const PlanStep& step) {
    return step.origin == Origin::kFile && std::any_of(step.sources.begin(), step.sources.end(), [&](auto source) {
             return checkpoint.tensors[source].dtype != step.type.dtype;
           });
  });
}

std::size_t arena_size(const LoadPlan& plan) {
  std::size_t bytes = 0;
  for (const auto& step : plan.steps) {
    bytes += arena_bytes(static_cast<std::size_t>(byte_size(step.type.dtype, step.type.shape).value_or(0)));
  }
  return bytes;
}

/// Findings that only bytes can show join the report; refused when one of them reaches the fail level.
Result<void> judge(std::vector<Finding> findings, LoadReport& report, const Policy& policy) {
  const auto worst = std::max_element(findings.begin(), findings.end(), [](const auto& a, const auto& b) {
    return a.severity < b.severity;
  });
  if (worst == findings.end()) return {};
  const bool refused = worst->severity >= policy.fail_at;
  const Finding cause = *worst;
  report.findings.insert(report.findings.end(), findings.begin(), findings.end());
  std::stable_sort(report.findings.begin(), report.findings.end(), [](const auto& a, const auto& b) {
    return a.severity > b.severity;
  });
  if (refused) return refusal(std::move(report), cause);
  if (report.verdict == Verdict::kAccepted) report.verdict = Verdict::kAcceptedWithWaivers;
  return {};
}

class PlanRun {
 public:
  PlanRun(torch::nn::Module& module, const Checkpoint& checkpoint, const LoadPlan& plan, const LoadOptions& options)
      : index_(index_of(module)), checkpoint_(checkpoint), plan_(plan), options_(options), progress_(options.progress) {}

  Result<LoadReport> run(LoadReport report, const Surroundings& surroundings) {
    const auto device = usable_device(options_.device);
    if (!device) return tl::unexpected(device.error());
    const bool mapped = maps(checkpoint_, plan_, options_);
    const auto need = memory_needed(plan_, checkpoint_, mapped, *device);
    report.memory = statement(need);
    const auto left = surroundings.left ? *surroundings.left : memory_left(*device);
    if (auto enough = enough_memory(need, left); !enough) return tl::unexpected(enough.error());

    const auto reading = Clock::now();
    if (auto begun = progress_.report("read", 0, plan_.bytes_to_read); !begun) return tl::unexpected(begun.error());
    SourceReader reader(checkpoint_, mapped, options_.verify || !mapped, progress_, plan_.bytes_to_read);
    auto conditions = failed_conditions(plan_, checkpoint_, reader);
    if (!conditions) return tl::unexpected(conditions.error());
    if (auto held = judge(std::move(*conditions), report, options_.policy); !held) return tl::unexpected(held.error());

    std::unique_ptr<HostMemory> arena;
    if (!surroundings.memory && device->is_cpu()) arena = make_arena(arena_size(plan_));
    if (!surroundings.memory && !arena) arena = make_arena(0);
    auto& memory = surroundings.memory ? *surroundings.memory : *arena;
    auto made = execute(plan_, checkpoint_, index_, reader, memory, *device);
    if (!made) return tl::unexpected(made.error());
    if (options_.policy.base != PolicyBase::kStrict) {
      for (auto& finding : made->findings) finding.severity = Severity::kWarning;
    }
    if (auto fine = judge(std::move(made->findings), report, options_.policy); !fine) return tl::unexpected(fine.error());
    if (auto same = reader.unchanged(); !same) return tl::unexpected(same.error());
    auto timings = report.timings.value_or(Timings{});
    timings.read_s = seconds_since(reading);

    const auto binding = Clock::now();
    if (auto begun = progress_.report("bind"); !begun) return tl::unexpected(begun.error());
    auto record = bind_tensors(index_, plan_, made->tensors, *device);
    if (!record) return tl::unexpected(record.error());
    made->tensors.clear();
    timings.bind_s = seconds_since(binding);
    timings.total_s = timings.open_s + timings.plan_s + timings.read_s + timings.bind_s;
    report.bytes_read = reader.bytes_read();

    if (options_.audit) {
      const auto auditing = Clock::now();
      (void)progress_.report("audit");  // too late to cancel
      report.audit = audit(index_, *record, report.findings);
      timings.audit_s = seconds_since(auditing);
    }
    record->keep();
    report.timings = timings;
    return report;
  }

 private:
  ModuleIndex index_;
  const Checkpoint& checkpoint_;
  const LoadPlan& plan_;
  const LoadOptions& options_;
  Progress progress_;
};

}  // namespace

bool maps(const Checkpoint& checkpoint, const LoadPlan& plan, const LoadOptions& options) {
  if (options.io != IoMode::kAuto) return options.io == IoMode::kMmap;
  return options.device.is_cpu() && !casts(checkpoint, plan) &&
         std::all_of(checkpoint.files.begin(), checkpoint.files.end(), [](const auto& file) { return is_local(file.path); });
}

Memory memory_statement(const Checkpoint& checkpoint, const LoadPlan& plan, const LoadOptions& options) {
  return statement(memory_needed(plan, checkpoint, maps(checkpoint, plan, options), options.device));
}

Result<LoadReport> run_plan(torch::nn::Module& module,
                            const Checkpoint& checkpoint,
                            const LoadPlan& plan,
                            LoadReport report,
                            const LoadOptions& options,
                            const Surroundings& surroundings) {
  // Weights are ordinary tensors whatever mode the caller is in: inference tensors could not be bound.
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_grad;
  return guarded("loading the weights", [&]() -> Result<LoadReport> {
    return PlanRun(module, checkpoint, plan, options).run(std::move(report), surroundings);
  });
}

}  // namespace tenon::loading
