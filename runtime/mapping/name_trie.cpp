#include "runtime/mapping/name_trie.h"

#include <algorithm>

namespace tenon {
namespace {

bool before(const std::pair<std::string, std::uint32_t>& entry, std::string_view text) { return entry.first < text; }

}  // namespace

std::uint32_t NameTrie::find_literal(std::uint32_t node, std::string_view text) const {
  const auto& literals = nodes_[node].literals;
  const auto found = std::lower_bound(literals.begin(), literals.end(), text, before);
  return found != literals.end() && found->first == text ? found->second : kNone;
}

std::uint32_t NameTrie::child(std::uint32_t node, const Segment& segment) {
  const auto next = static_cast<std::uint32_t>(nodes_.size());
  if (segment.kind == Segment::Kind::kIndex) {
    if (nodes_[node].index == kNone) {
      nodes_[node].index = next;
      nodes_.emplace_back();
    }
    return nodes_[node].index;
  }
  auto& literals = nodes_[node].literals;
  const auto found = std::lower_bound(literals.begin(), literals.end(), std::string_view(segment.text), before);
  if (found != literals.end() && found->first == segment.text) return found->second;
  literals.emplace(found, segment.text, next);
  nodes_.emplace_back();
  return next;
}

void NameTrie::insert(const Pattern& pattern, std::uint32_t value) {
  std::uint32_t node = 0;
  for (const Segment& segment : pattern.segments()) {
    if (segment.kind == Segment::Kind::kRest) {
      nodes_[node].rests.push_back(value);
      return;
    }
    node = child(node, segment);
  }
  nodes_[node].ends.push_back(value);
}

std::optional<std::pair<std::uint32_t, Captures>> NameTrie::match(std::string_view name) const {
  std::uint32_t value = 0;
  Captures captures;
  if (!match_from(0, name, false, value, captures)) return std::nullopt;
  return std::pair(value, captures);
}

bool NameTrie::match_from(std::uint32_t node, std::string_view rest, bool done, std::uint32_t& value, Captures& captures) const {
  const Node& here = nodes_[node];
  if (done) {
    if (here.ends.empty()) return false;
    value = here.ends.front();
    return true;
  }
  const auto dot = std::min(rest.find('.'), rest.size());
  const auto segment = rest.substr(0, dot);
  const bool last = dot == rest.size();
  const auto behind = last ? std::string_view() : rest.substr(dot + 1);
  if (const auto literal = find_literal(node, segment); literal != kNone) {
    if (match_from(literal, behind, last, value, captures)) return true;
  }
  if (here.index != kNone && captures.count < Captures::kMax) {
    if (const auto index = parse_index(segment)) {
      captures.values[captures.count++] = *index;
      if (match_from(here.index, behind, last, value, captures)) return true;
      --captures.count;
    }
  }
  if (here.rests.empty()) return false;
  value = here.rests.front();
  return true;
}

std::vector<NameTrie::Overlap> NameTrie::overlaps() const {
  std::vector<Overlap> found;
  for (std::uint32_t node = 0; node < nodes_.size(); ++node) {
    const Node& here = nodes_[node];
    for (const auto* list : {&here.ends, &here.rests}) {
      for (std::size_t i = 1; i < list->size(); ++i) found.push_back({(*list)[0], (*list)[i]});
    }
    if (!here.rests.empty()) {
      for (const auto& [text, below] : here.literals) meet_rest(here.rests, below, found);
      if (here.index != kNone) meet_rest(here.rests, here.index, found);
    }
    if (here.index == kNone) continue;
    for (const auto& [text, below] : here.literals) {
      if (parse_index(text)) meet(here.index, below, found);
    }
  }
  return found;
}

// Both nodes are reached by one run of segments: whatever ends below both is an overlap.
void NameTrie::meet(std::uint32_t a, std::uint32_t b, std::vector<Overlap>& found) const {
  const Node& x = nodes_[a];
  const Node& y = nodes_[b];
  if (!x.ends.empty() && !y.ends.empty()) found.push_back({x.ends.front(), y.ends.front()});
  if (!x.rests.empty() && !y.rests.empty()) found.push_back({x.rests.front(), y.rests.front()});
  for (const auto& [rests, other] : {std::pair(&x.rests, b), std::pair(&y.rests, a)}) {
    if (rests->empty()) continue;
    for (const auto& [text, below] : nodes_[other].literals) meet_rest(*rests, below, found);
    if (nodes_[other].index != kNone) meet_rest(*rests, nodes_[other].index, found);
  }
  for (const auto& [text, below] : x.literals) {
    if (const auto same = find_literal(b, text); same != kNone) meet(below, same, found);
    if (y.index != kNone && parse_index(text)) meet(below, y.index, found);
  }
  if (x.index == kNone) return;
  if (y.index != kNone) meet(x.index, y.index, found);
  for (const auto& [text, below] : y.literals) {
    if (parse_index(text)) meet(x.index, below, found);
  }
}

// A `**` takes everything that ends at or below this node.
void NameTrie::meet_rest(const std::vector<std::uint32_t>& rests, std::uint32_t node, std::vector<Overlap>& found) const {
  const Node& here = nodes_[node];
  for (const auto* list : {&here.ends, &here.rests}) {
    if (!list->empty()) found.push_back({rests.front(), list->front()});
  }
  for (const auto& [text, below] : here.literals) meet_rest(rests, below, found);
  if (here.index != kNone) meet_rest(rests, here.index, found);
}

}  // namespace tenon
