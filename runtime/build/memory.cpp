#include "runtime/build/memory.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <string>

#include <c10/core/CachingDeviceAllocator.h>
#include <sys/resource.h>
#include <unistd.h>

#include <tenon/nn/spec_of.h>

#include "runtime/build/apply.h"
#include "runtime/build/host_memory.h"
#include "runtime/build/source_reader.h"
#include "runtime/build/upload.h"

namespace tenon::loading {
namespace {

constexpr std::uint64_t kDeviceBlock = 512;  // LibTorch's device allocators round to this

std::uint64_t bound_bytes(const PlanStep& step) {
  return static_cast<std::uint64_t>(byte_size(step.type.dtype, step.type.shape).value_or(0));
}

/// Whether the expression only takes a contiguous piece of its one source, so that a mapping can hold it.
bool is_piece(const Expr& expr) {
  switch (expr.op) {
    case OpKind::kSource:
      return true;
    case OpKind::kReshape:
      return is_piece(expr.operands.at(0));
    case OpKind::kSlice:
    case OpKind::kSplit:
      return expr.args.at(0) == 0 && is_piece(expr.operands.at(0));
    default:
      return false;
  }
}

bool stays_mapped(const PlanStep& step, const Checkpoint& checkpoint) {
  if (step.origin != Origin::kFile || step.sources.empty() || !is_piece(step.expr)) return false;
  const auto& entry = checkpoint.tensors[step.sources[0]];
  return can_view(entry) && entry.dtype == step.type.dtype;
}

/// Whether the step's sources stand in memory of their own before its tensor is made.
bool has_intermediates(const PlanStep& step, c10::Device device) {
  if (step.origin != Origin::kFile || is_copy(step.expr)) return false;
  return !device.is_cpu() || !is_join(step.expr, step.sources.size());
}

/// The most that one step's sources take, together with its value before a cast.
std::uint64_t intermediate_bytes(const LoadPlan& plan, const Checkpoint& checkpoint, bool mapped, c10::Device device) {
  std::uint64_t most = 0;
  for (const auto& step : plan.steps) {
    if (!has_intermediates(step, device) || step.sources.empty()) continue;
    std::uint64_t bytes = 0;
    for (const auto source : step.sources) {
      const auto& entry = checkpoint.tensors[source];
      if (!mapped || !can_view(entry)) bytes += entry.bytes;
    }
    const auto dtype = checkpoint.tensors[step.sources[0]].dtype;
    if (dtype != step.type.dtype || !device.is_cpu()) bytes += static_cast<std::uint64_t>(byte_size(dtype, step.type.shape).value_or(0));
    most = std::max(most, bytes);
  }
  return most;
}

/// Pages of the file that intermediates are read from and that stay until the system wants them back.
std::uint64_t mapped_source_bytes(const LoadPlan& plan, const Checkpoint& checkpoint, c10::Device device) {
  std::set<std::uint32_t> sources;
  for (const auto& step : plan.steps) {
    if (has_intermediates(step, device) && !(device.is_cpu() && stays_mapped(step, checkpoint))) {
      sources.insert(step.sources.begin(), step.sources.end());
    }
  }
  std::uint64_t bytes = 0;
  for (const auto source : sources) {
    if (can_view(checkpoint.tensors[source])) bytes += checkpoint.tensors[source].bytes;
  }
  return bytes;
}

std::optional<std::uint64_t> number_in(const std::string& path, const std::string& key = {}) {
  std::ifstream file(path);
  std::string word;
  if (!key.empty()) {
    while (file >> word && word != key) continue;
  }
  std::uint64_t value = 0;
  if (!(file >> value)) return std::nullopt;
  return value;
}

void at_most(std::optional<std::uint64_t>& left, std::optional<std::uint64_t> limit, std::uint64_t used) {
  if (!limit) return;
  const auto rest = *limit > used ? *limit - used : 0;
  left = left ? std::min(*left, rest) : rest;
}

std::optional<std::uint64_t> host_left() {
  std::optional<std::uint64_t> left;
  if (const auto kib = number_in("/proc/meminfo", "MemAvailable:")) left = *kib * 1024;
  // Version 2 of control groups, as a container sees its own; "max" is no number and so no limit.
  if (const auto used = number_in("/sys/fs/cgroup/memory.current")) {
    const auto cache = number_in("/sys/fs/cgroup/memory.stat", "inactive_file").value_or(0);
    at_most(left, number_in("/sys/fs/cgroup/memory.max"), *used - std::min(cache, *used));
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    const auto pages = number_in("/proc/self/statm").value_or(0);
    at_most(left, limit.rlim_cur, pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));
  }
  return left;
}

std::string mebibytes(std::uint64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; }

Failure too_little(const std::string& where, std::uint64_t need, std::uint64_t left, std::string remedy) {
  return fail(ErrorKind::kOutOfMemory,
              "TN-MEMORY",
              "the load needs " + mebibytes(need) + " of " + where + " memory; " + mebibytes(left) + " are free [TN-MEMORY]",
              std::move(remedy));
}

}  // namespace

MemoryNeed memory_needed(const LoadPlan& plan, const Checkpoint& checkpoint, bool mapped, c10::Device device) {
  MemoryNeed need;
  std::uint64_t raw = 0;  // the largest tensor that waits on the device for its cast
  for (const auto& step : plan.steps) {
    if (step.origin == Origin::kDerived) continue;
    const auto bytes = bound_bytes(step);
    if (!device.is_cpu()) {
      need.device += (bytes + kDeviceBlock - 1) / kDeviceBlock * kDeviceBlock;
      if (step.origin == Origin::kFile && is_copy(step.expr)) {
        const auto& entry = checkpoint.tensors[step.sources.at(0)];
        if (entry.dtype != step.type.dtype) raw = std::max(raw, entry.bytes);
      }
    } else if (mapped && stays_mapped(step, checkpoint)) {
      need.mapped += bytes;
    } else {
      need.host += arena_bytes(bytes);
    }
  }
  need.device += raw;
  need.host += intermediate_bytes(plan, checkpoint, mapped, device);
  if (mapped) need.mapped += mapped_source_bytes(plan, checkpoint, device);
  if (!device.is_cpu()) need.host += Upload::kSlots * Upload::kSlotBytes;
  return need;
}

MemoryLeft memory_left(c10::Device device) {
  MemoryLeft left;
  left.host = host_left();
  if (device.is_cpu()) return left;
  auto* const allocator = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(device.type()));
  if (allocator) left.device = allocator->getMemoryInfo(device.index()).first;
  return left;
}

Result<void> enough_memory(const MemoryNeed& need, const MemoryLeft& left) {
  if (left.host && need.host > *left.host) {
    return too_little("host", need.host, *left.host, "use --io mmap, a narrower --dtype, or a machine with more memory");
  }
  if (left.device && need.device > *left.device) {
    return too_little("device", need.device, *left.device, "use a narrower --dtype, --device cpu, or a larger device");
  }
  return {};
}

Memory statement(const MemoryNeed& need) { return {need.host + need.mapped, need.device}; }

}  // namespace tenon::loading
