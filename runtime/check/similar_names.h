// "Did you mean": names that a typing error or a small rename would turn into each other.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tenon/shape.h>
#include <vector>

namespace tenon {

struct NamedShape {
  std::string name;
  Shape shape;
};

/// Pairs of `left` and `right` whose shapes are equal and whose names are near: each the other's
/// nearest. One entry per `left`: an index into `right`. Costs at most a fixed number of
/// comparisons however long the lists are.
[[nodiscard]] std::vector<std::optional<std::size_t>> pair_similar(
    const std::vector<NamedShape>& left, const std::vector<NamedShape>& right);

/// Single-character insertions, deletions and replacements between two names, at most `limit` + 1.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

}  // namespace tenon
