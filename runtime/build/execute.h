// Stage "build", second half: a plan's steps become tensors on a device. Nothing of the module is touched.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <tenon/checkpoint.h>
#include <tenon/error.h>
#include <tenon/policy.h>
#include <tenon/report.h>

#include "runtime/build/host_memory.h"
#include "runtime/build/module_index.h"
#include "runtime/build/source_reader.h"

namespace tenon::loading {

struct Executed {
  /// One per step, contiguous, with a storage of its own; undefined: the module's present value stands.
  std::vector<at::Tensor> tensors;
  std::vector<Finding> findings;  // casts that overflowed
};

/// `module` supplies default initialisations. Steps run in file order; a source that several steps read is read once and
/// kept until the last of them.
[[nodiscard]] Result<Executed> execute(const LoadPlan& plan,
                                       const Checkpoint& checkpoint,
                                       const ModuleIndex& module,
                                       SourceReader& reader,
                                       HostMemory& memory,
                                       c10::Device device);

/// The plan's value conditions, verified on the file's bytes: a finding for each that does not hold.
[[nodiscard]] Result<std::vector<Finding>> failed_conditions(const LoadPlan& plan,
                                                             const Checkpoint& checkpoint,
                                                             SourceReader& reader);

}  // namespace tenon::loading
