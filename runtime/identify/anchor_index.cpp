#include "runtime/identify/anchor_index.h"

#include <algorithm>

#include "runtime/mapping/row_rules.h"

namespace tenon {
namespace {

bool before(const std::pair<std::string, std::uint32_t>& entry, std::string_view text) { return entry.first < text; }

}  // namespace

std::uint32_t AnchorIndex::child(std::uint32_t node, const Segment& segment) {
  const auto next = static_cast<std::uint32_t>(nodes_.size());
  if (segment.kind == Segment::Kind::kIndex) {
    if (nodes_[node].index == kNone) {
      nodes_[node].index = next;
      nodes_.emplace_back();
    }
    return nodes_[node].index;
  }
  if (segment.kind == Segment::Kind::kGlob) {
    for (const auto& [glob, below] : nodes_[node].globs) {
      if (glob == segment) return below;
    }
    nodes_[node].globs.emplace_back(segment, next);
    nodes_.emplace_back();
    return next;
  }
  auto& literals = nodes_[node].literals;
  const auto found = std::lower_bound(literals.begin(), literals.end(), std::string_view(segment.text), before);
  if (found != literals.end() && found->first == segment.text) return found->second;
  literals.emplace(found, segment.text, next);
  nodes_.emplace_back();
  return next;
}

void AnchorIndex::add(const Pattern& pattern, const EvidenceItem& item, FormRef form) {
  for (const Pattern& plain : without_sets(pattern)) add_plain(plain, item, form);
}

void AnchorIndex::add_plain(const Pattern& pattern, const EvidenceItem& item, FormRef form) {
  const auto& segments = pattern.segments();
  const bool anywhere = segments.front().kind == Segment::Kind::kRest;
  std::uint32_t node = 0;
  for (std::size_t s = segments.size(); s-- > (anywhere ? 1U : 0U);) node = child(node, segments[s]);
  std::string text = pattern.to_string();
  for (const std::uint32_t known : nodes_[node].anchors) {
    Anchor& anchor = anchors_[known];
    if (anchor.text == text && anchor.item == &item) {
      anchor.forms.push_back(form);
      return;
    }
  }
  nodes_[node].anchors.push_back(static_cast<std::uint32_t>(anchors_.size()));
  anchors_.push_back({std::move(text), anywhere, &item, {form}});
}

void AnchorIndex::search(std::string_view name, const std::function<void(const Anchor&, std::size_t)>& hit) const {
  search_from(0, name, false, hit);
}

void AnchorIndex::search_from(std::uint32_t node,
                              std::string_view rest,
                              bool done,
                              const std::function<void(const Anchor&, std::size_t)>& hit) const {
  const Node& here = nodes_[node];
  for (const std::uint32_t anchor : here.anchors) hit(anchors_[anchor], rest.size());
  if (done) return;
  const std::string_view inner = node == 0 ? rest : rest.substr(0, rest.size() - 1);  // without the dot
  const auto dot = inner.rfind('.');
  const bool last = dot == std::string_view::npos;
  const auto segment = last ? inner : inner.substr(dot + 1);
  const auto before_segment = last ? std::string_view() : inner.substr(0, dot + 1);
  const auto found = std::lower_bound(here.literals.begin(), here.literals.end(), segment, before);
  if (found != here.literals.end() && found->first == segment) search_from(found->second, before_segment, last, hit);
  if (here.index != kNone && parse_index(segment)) search_from(here.index, before_segment, last, hit);
  for (const auto& [glob, below] : here.globs) {
    if (glob.matches(segment)) search_from(below, before_segment, last, hit);
  }
}

}  // namespace tenon
