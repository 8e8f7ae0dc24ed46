// An accepted plan becomes a module that holds its weights.
#pragma once

#include <torch/nn/module.h>

#include <tenon/load.h>

#include "runtime/build/host_memory.h"
#include "runtime/build/memory.h"

namespace tenon::loading {

/// What a load does beyond its options; tests replace parts of it.
struct Surroundings {
  HostMemory* memory = nullptr;         // null: an arena of the plan's size
  std::optional<MemoryLeft> left;       // nullopt: what the system says
};

/// Reads, converts, places, verifies, binds and audits. Gives the report with timings, bytes, memory, audit and the findings
/// that only bytes can show. Any failure leaves the module as it was, bit for bit; a kRefused one carries the report.
[[nodiscard]] Result<LoadReport> run_plan(torch::nn::Module& module,
                                          const Checkpoint& checkpoint,
                                          const LoadPlan& plan,
                                          LoadReport report,
                                          const LoadOptions& options,
                                          const Surroundings& surroundings = {});

/// Whether tensors become views of a mapping: `--io mmap`, or `auto` for a load onto the CPU that casts nothing, from a
/// local file system.
[[nodiscard]] bool maps(const Checkpoint& checkpoint, const LoadPlan& plan, const LoadOptions& options);

/// The statement of what run_plan will take, for a report that is printed before it.
[[nodiscard]] Memory memory_statement(const Checkpoint& checkpoint, const LoadPlan& plan, const LoadOptions& options);

}  // namespace tenon::loading
