// Patterns over dotted names: whole names, segment by segment. No substring, no regex.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace tenon {

/// A canonical decimal ("0", "7", "12"; not "07"), at most 18 digits.
[[nodiscard]] std::optional<std::int64_t> parse_index(std::string_view segment);

/// The segments of a dotted name. "a.b" has two; "" has one, which is empty.
[[nodiscard]] std::vector<std::string_view> split_segments(std::string_view name);

struct Segment {
  enum class Kind {
    kLiteral,  // text
    kIndex,    // {i}: text is the letter
    kSet,      // {wb}: text is the set's name, choices its segments
    kGlob,     // text with `*` inside
    kRest,     // `**`
  };
  Kind kind = Kind::kLiteral;
  std::string text;
  std::vector<std::string> choices;

  [[nodiscard]] bool matches(std::string_view segment) const;
  bool operator==(const Segment&) const = default;
};

/// Named closed sets of segments.
using SegmentSets = std::map<std::string, std::vector<std::string>, std::less<>>;

enum class PatternUse {
  kRow,       // literals, indices, sets
  kHarmless,  // also a last `**`
  kSelect,    // also a leading `**` and `*` within a segment
};

class Pattern {
 public:
  /// The error is one line without a place: the caller knows file, line and column.
  [[nodiscard]] static tl::expected<Pattern, std::string> parse(std::string_view text,
                                                                PatternUse use,
                                                                const SegmentSets& sets = {});

  /// From segments that are already sound.
  [[nodiscard]] static Pattern of(std::vector<Segment> segments);

  [[nodiscard]] bool matches(std::string_view name) const;
  /// Whether some name matches both. Neither may begin with `**` or hold a `*`.
  [[nodiscard]] bool intersects(const Pattern& other) const;
  /// The leading segments that are literal, joined, with the dot behind them; the whole pattern when all are.
  [[nodiscard]] std::string literal_head() const;
  /// True when exactly one name matches, which is then `to_string()`.
  [[nodiscard]] bool is_literal() const;
  [[nodiscard]] const std::vector<Segment>& segments() const { return segments_; }
  [[nodiscard]] std::string to_string() const;
  bool operator==(const Pattern&) const = default;

 private:
  std::vector<Segment> segments_;
};

/// A pattern that only selects: evidence, claims, policy keys.
class SelectPattern {
 public:
  [[nodiscard]] static tl::expected<SelectPattern, std::string> parse(std::string_view text,
                                                                      const SegmentSets& sets = {});
  [[nodiscard]] bool matches(std::string_view name) const { return pattern_.matches(name); }
  [[nodiscard]] const Pattern& pattern() const { return pattern_; }
  [[nodiscard]] std::string to_string() const { return pattern_.to_string(); }

 private:
  Pattern pattern_;
};

}  // namespace tenon
