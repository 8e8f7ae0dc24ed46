// Many patterns at once: which of them match a name, and whether two of them ever could.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/mapping/pattern.h"

namespace tenon {

/// What a pattern captured: its indices in the order they stand in it.
struct Captures {
  static constexpr std::size_t kMax = 6;
  std::int64_t values[kMax] = {};
  std::uint32_t count = 0;
};

/// Literals, indices and a last `**` only (sets are expanded before).
class NameTrie {
 public:
  NameTrie() : nodes_(1) {}

  /// `value` is given back by match. At most Captures::kMax indices (the caller checks).
  void insert(const Pattern& pattern, std::uint32_t value);

  /// The value whose pattern matches. Where several do (an unproved trie), the first inserted literal wins.
  [[nodiscard]] std::optional<std::pair<std::uint32_t, Captures>> match(std::string_view name) const;

  /// Two values whose patterns share a name, and such a name's pattern as text; nullopt when no two do.
  struct Overlap {
    std::uint32_t first = 0;
    std::uint32_t second = 0;
  };
  [[nodiscard]] std::vector<Overlap> overlaps() const;

 private:
  static constexpr std::uint32_t kNone = 0xffffffffU;
  struct Node {
    std::vector<std::pair<std::string, std::uint32_t>> literals;  // sorted
    std::uint32_t index = kNone;
    std::vector<std::uint32_t> ends;   // patterns that end here
    std::vector<std::uint32_t> rests;  // patterns with `**` from here on
  };

  std::uint32_t child(std::uint32_t node, const Segment& segment);
  [[nodiscard]] std::uint32_t find_literal(std::uint32_t node, std::string_view text) const;
  bool match_from(std::uint32_t node, std::string_view rest, bool done, std::uint32_t& value, Captures& captures) const;
  void meet(std::uint32_t a, std::uint32_t b, std::vector<Overlap>& found) const;
  void meet_rest(const std::vector<std::uint32_t>& rests, std::uint32_t node, std::vector<Overlap>& found) const;

  std::vector<Node> nodes_;
};

}  // namespace tenon
