// One side of a comparison: a checkpoint's tensors under the names by which they are compared.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <tenon/checkpoint.h>
#include <tenon/error.h>
#include <tenon/mapping.h>

#include "runtime/report/json.h"

namespace tenon::tools {

/// A tensor that is compared: its type, and how its values are made from the file's tensors.
struct ComparedTensor {
  TensorType type;
  Expr expr;
  std::vector<std::uint32_t> sources;  // indices into Checkpoint::tensors
};

struct Side {
  std::string path;
  std::shared_ptr<const Checkpoint> checkpoint;
  std::map<std::string, ComparedTensor> tensors;
};

struct Sides {
  Side a;
  Side b;
  bool by_file_names = false;
};

/// Both under the model's own names, where both are identified as a part that tenon builds; else both under the names
/// in the files. What no layout claims keeps its file name. A part that does not exist, or several, is kUsage.
[[nodiscard]] Result<Sides> open_sides(const std::string& a, const std::string& b);

/// Names, dtypes and shapes; `identical()` says so only of these.
[[nodiscard]] report::Comparison compare_types(const Sides& sides);

}  // namespace tenon::tools
