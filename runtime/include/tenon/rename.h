// load_into with a rename table that is written in C++.
#pragma once

#include <string>
#include <vector>

#include <tenon/load.h>

namespace [[gnu::visibility("default")]] tenon {

/// One row of a rename table: names in the file and in the module, as patterns of configs/README.md.
struct RenameRow {
  std::vector<std::string> from;
  std::string to;
  std::string expr = {};  // over $1, $2, ...: "transpose($1)"; empty: rename
};

/// Fills the module through the rows, all or nothing. A wrong row is kUsage (TN-TABLE-*).
[[nodiscard]] Result<LoadReport> load_into(torch::nn::Module& module,
                                           const std::string& path,
                                           const LoadOptions& options,
                                           const std::vector<RenameRow>& rename);

}  // namespace tenon
