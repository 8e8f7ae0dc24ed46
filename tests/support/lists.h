// The tensor lists of tests/lists as placeholder checkpoints: names, dtypes and shapes, no bytes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <tenon/checkpoint.h>

namespace tenon::test {

/// One line of tests/lists/index.json.
struct ListCase {
  std::string file;  // "vit/vit_tiny_patch16_224.timm.tsv"
  nlohmann::json inspect;
  nlohmann::json native;  // the library's own config; null where it has none
};
std::ostream& operator<<(std::ostream& out, const ListCase& item);

/// The lists whose file begins with `folder`.
[[nodiscard]] std::vector<ListCase> list_cases(std::string_view folder);

/// One tensor of a checkpoint made up by a test.
struct Placeholder {
  std::string name;
  Shape shape;
  DType dtype = DType::kF32;
};

/// Sorted by name, as an opened checkpoint is.
[[nodiscard]] std::shared_ptr<Checkpoint> make_checkpoint(const std::vector<Placeholder>& tensors);
/// The tensors of a list, every name behind `prefix`.
[[nodiscard]] std::vector<Placeholder> read_list(std::string_view file, std::string_view prefix = "");

}  // namespace tenon::test
