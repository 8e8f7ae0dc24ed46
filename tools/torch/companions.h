// convert: the parts of a checkpoint that go into the output beside the model, as they are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <tenon/load.h>

#include "runtime/build/source_reader.h"
#include "runtime/mapping/table.h"

namespace tenon::tools {

struct Companion {
  std::uint32_t tensor = 0;  // index into Checkpoint::tensors
  std::string name;          // in the output
  TensorType type;           // in the output
};

/// The tensors of the parts that `form` keeps beside the model; floats in `dtype` where one is given.
[[nodiscard]] std::vector<Companion> companions(const Planned& planned, const FileForm& form, std::optional<DType> dtype);

/// `reader` checks the checksums of the same checkpoint.
[[nodiscard]] Result<at::Tensor> read_companion(const Checkpoint& checkpoint, const Companion& companion,
                                                loading::SourceReader& reader);

/// A warning (TN-CONVERT-PART) for each part that another layout of the family would have kept and this one does not.
[[nodiscard]] std::vector<Finding> left_out(const Tables& tables, const Planned& planned, const FileForm& form,
                                            const std::string& layout);

}  // namespace tenon::tools
