// Many names in one line: "blocks.{0-11}.attn.qkv.weight (12)".
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace tenon::report {

struct Folded {
  std::string pattern;  // untrusted text is not escaped yet
  std::vector<std::size_t> names;  // indices into the names given, in their order
};

/// Folds names that differ in decimal segments only. Exact: a pattern names all of its names and no
/// other. In the order in which the first name of each appeared.
[[nodiscard]] std::vector<Folded> fold(const std::vector<std::string>& names);

}  // namespace tenon::report
