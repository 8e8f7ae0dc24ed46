#include "runtime/mapping/pattern.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "runtime/io/text.h"

namespace tenon {
namespace {

using PatternFailure = tl::unexpected<std::string>;

bool glob_matches(std::string_view glob, std::string_view text) {
  std::size_t g = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = t;
    } else if (g < glob.size() && glob[g] == text[t]) {
      ++g;
      ++t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

bool is_identifier(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

tl::expected<Segment, std::string> parse_capture(std::string_view inner, const SegmentSets& sets) {
  if (inner.size() == 1 && inner[0] >= 'a' && inner[0] <= 'z') {
    return Segment{Segment::Kind::kIndex, std::string(inner), {}};
  }
  if (!is_identifier(inner)) {
    return PatternFailure("{" + io::escape(inner) +
                          "} is neither an index (one lower-case letter) nor the name of a set");
  }
  const auto set = sets.find(inner);
  if (set == sets.end()) return PatternFailure("no set is named " + io::quoted(inner));
  return Segment{Segment::Kind::kSet, std::string(inner), set->second};
}

tl::expected<Segment, std::string> parse_segment(std::string_view text, PatternUse use, const SegmentSets& sets) {
  if (text.empty()) return PatternFailure("a segment is empty");
  if (text == "**") return Segment{Segment::Kind::kRest, "**", {}};
  if (text.front() == '{' && text.back() == '}') {
    return parse_capture(text.substr(1, text.size() - 2), sets);
  }
  if (text.find_first_of("{}$") != std::string_view::npos) {
    return PatternFailure(io::quoted(text) + ": a {capture} is a whole segment, and ${variable} must be defined");
  }
  if (text.find('*') != std::string_view::npos) {
    if (use != PatternUse::kSelect) return PatternFailure("`*` within a segment is for patterns that only select");
    return Segment{Segment::Kind::kGlob, std::string(text), {}};
  }
  return Segment{Segment::Kind::kLiteral, std::string(text), {}};
}

bool segments_meet(const Segment& a, const Segment& b) {
  if (a.kind == Segment::Kind::kSet) {
    return std::any_of(a.choices.begin(), a.choices.end(), [&](const std::string& choice) {
      return segments_meet(Segment{Segment::Kind::kLiteral, choice, {}}, b);
    });
  }
  if (b.kind == Segment::Kind::kSet) return segments_meet(b, a);
  if (a.kind == Segment::Kind::kLiteral) return b.matches(a.text);
  if (b.kind == Segment::Kind::kLiteral) return a.matches(b.text);
  return true;  // two indices
}

bool match_from(const std::vector<Segment>& pattern, std::size_t first, std::string_view name) {
  std::size_t begin = 0;
  for (std::size_t p = first; p < pattern.size(); ++p) {
    if (begin > name.size()) return false;
    if (pattern[p].kind == Segment::Kind::kRest) return true;
    const std::size_t dot = std::min(name.find('.', begin), name.size());
    if (!pattern[p].matches(name.substr(begin, dot - begin))) return false;
    begin = dot + 1;
  }
  return begin == name.size() + 1;
}

}  // namespace

std::optional<std::int64_t> parse_index(std::string_view segment) {
  if (segment.empty() || segment.size() > 18) return std::nullopt;
  if (segment.size() > 1 && segment[0] == '0') return std::nullopt;
  std::int64_t value = 0;
  for (const char c : segment) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

std::vector<std::string_view> split_segments(std::string_view name) {
  std::vector<std::string_view> segments;
  std::size_t begin = 0;
  while (true) {
    const std::size_t dot = name.find('.', begin);
    if (dot == std::string_view::npos) {
      segments.push_back(name.substr(begin));
      return segments;
    }
    segments.push_back(name.substr(begin, dot - begin));
    begin = dot + 1;
  }
}

bool Segment::matches(std::string_view segment) const {
  switch (kind) {
    case Kind::kLiteral:
      return segment == text;
    case Kind::kIndex:
      return parse_index(segment).has_value();
    case Kind::kSet:
      return std::find(choices.begin(), choices.end(), segment) != choices.end();
    case Kind::kGlob:
      return glob_matches(text, segment);
    case Kind::kRest:
      return true;
  }
  return false;
}

tl::expected<Pattern, std::string> Pattern::parse(std::string_view text, PatternUse use, const SegmentSets& sets) {
  if (text.empty()) return PatternFailure("a pattern is empty");
  Pattern pattern;
  const auto parts = split_segments(text);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto segment = parse_segment(parts[i], use, sets);
    if (!segment) return PatternFailure("pattern " + io::quoted(text) + ": " + segment.error());
    if (segment->kind == Segment::Kind::kRest) {
      const bool last = i + 1 == parts.size();
      const bool allowed = last ? use != PatternUse::kRow : i == 0 && use == PatternUse::kSelect;
      if (!allowed) return PatternFailure("pattern " + io::quoted(text) + ": `**` may not stand here");
    }
    pattern.segments_.push_back(*std::move(segment));
  }
  return pattern;
}

Pattern Pattern::of(std::vector<Segment> segments) {
  Pattern pattern;
  pattern.segments_ = std::move(segments);
  return pattern;
}

bool Pattern::matches(std::string_view name) const {
  if (segments_.size() == 1 || segments_[0].kind != Segment::Kind::kRest) {
    return match_from(segments_, 0, name);
  }
  for (std::size_t begin = 0;;) {
    if (match_from(segments_, 1, name.substr(begin))) return true;
    const std::size_t dot = name.find('.', begin);
    if (dot == std::string_view::npos) return false;
    begin = dot + 1;
  }
}

bool Pattern::intersects(const Pattern& other) const {
  const auto& a = segments_;
  const auto& b = other.segments_;
  for (std::size_t i = 0;; ++i) {
    const bool a_ends = i == a.size();
    const bool b_ends = i == b.size();
    if (a_ends || b_ends) return a_ends && b_ends;
    if (a[i].kind == Segment::Kind::kRest || b[i].kind == Segment::Kind::kRest) return true;
    if (!segments_meet(a[i], b[i])) return false;
  }
}

std::string Pattern::literal_head() const {
  std::string head;
  for (const Segment& segment : segments_) {
    if (segment.kind != Segment::Kind::kLiteral) return head;
    head += segment.text;
    head += '.';
  }
  if (!head.empty()) head.pop_back();
  return head;
}

bool Pattern::is_literal() const {
  return std::all_of(segments_.begin(), segments_.end(),
                     [](const Segment& s) { return s.kind == Segment::Kind::kLiteral; });
}

std::string Pattern::to_string() const {
  std::string text;
  for (const Segment& segment : segments_) {
    if (!text.empty()) text += '.';
    const bool capture = segment.kind == Segment::Kind::kIndex || segment.kind == Segment::Kind::kSet;
    text += capture ? "{" + segment.text + "}" : segment.text;
  }
  return text;
}

tl::expected<SelectPattern, std::string> SelectPattern::parse(std::string_view text, const SegmentSets& sets) {
  auto pattern = Pattern::parse(text, PatternUse::kSelect, sets);
  if (!pattern) return PatternFailure(std::move(pattern.error()));
  SelectPattern select;
  select.pattern_ = *std::move(pattern);
  return select;
}

}  // namespace tenon
