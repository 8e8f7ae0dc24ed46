// What a load will take, said before it starts.
#pragma once

#include <cstdint>
#include <optional>

#include <c10/core/Device.h>

#include <tenon/checkpoint.h>
#include <tenon/error.h>
#include <tenon/policy.h>
#include <tenon/report.h>

namespace tenon::loading {

struct MemoryNeed {
  std::uint64_t host = 0;    // anonymous: weights that are copied, the largest intermediate, the staging ring
  std::uint64_t mapped = 0;  // pages of the file itself, which the system can take back
  std::uint64_t device = 0;
};

[[nodiscard]] MemoryNeed memory_needed(const LoadPlan& plan, const Checkpoint& checkpoint, bool mapped, c10::Device device);

/// Bytes that `host` and `device` may still take; nullopt: not known.
struct MemoryLeft {
  std::optional<std::uint64_t> host;
  std::optional<std::uint64_t> device;
};
/// What the system, its control group and the process's own limit leave, and what the device reports.
[[nodiscard]] MemoryLeft memory_left(c10::Device device);

/// kOutOfMemory (TN-MEMORY) with both numbers.
[[nodiscard]] Result<void> enough_memory(const MemoryNeed& need, const MemoryLeft& left);

/// The statement of a report: at its peak the load holds this much, mapped pages of the file included.
[[nodiscard]] Memory statement(const MemoryNeed& need);

}  // namespace tenon::loading
