#include "runtime/check/similar_names.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "runtime/mapping/pattern.h"

namespace tenon {
namespace {

constexpr std::size_t kMaxComparisons = 200'000;
constexpr std::size_t kMaxNameBytes = 256;

/// What two names must share before they are compared letter by letter: their shape and their
/// indices.
using Bucket = std::pair<Shape, std::vector<std::int64_t>>;

std::vector<std::int64_t> indices_of(std::string_view name) {
  std::vector<std::int64_t> indices;
  for (const std::string_view segment : split_segments(name)) {
    if (const auto index = parse_index(segment)) indices.push_back(*index);
  }
  return indices;
}

/// A rename within one segment, or a segment more or less, is near; another naming altogether is
/// not.
std::size_t nearness_limit(std::string_view a, std::string_view b) {
  return std::max<std::size_t>(3, std::min(a.size(), b.size()) / 3);
}

struct Pair {
  std::size_t distance;
  std::size_t left;
  std::size_t right;
};

/// What other frameworks and older releases call a layer's parameters, and PyTorch's words for them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kOtherWords = {{
    {".gamma", ".weight"},
    {".beta", ".bias"},
    {".scale", ".weight"},
    {".kernel", ".weight"},
    {".embedding", ".weight"},
}};

std::string in_torch_words(std::string_view name) {
  for (const auto& [other, word] : kOtherWords) {
    if (name.ends_with(other)) return std::string(name.substr(0, name.size() - other.size())) + std::string(word);
  }
  return std::string(name);
}

std::size_t distance_between(std::string_view a, std::string_view b, std::size_t limit) {
  return std::min(edit_distance(a, b, limit), edit_distance(in_torch_words(a), in_torch_words(b), limit));
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > limit) return limit + 1;
  std::vector<std::size_t> row(a.size() + 1);
  for (std::size_t i = 0; i <= a.size(); ++i) row[i] = i;
  for (std::size_t j = 1; j <= b.size(); ++j) {
    std::size_t diagonal = std::exchange(row[0], j);
    std::size_t best = row[0];
    for (std::size_t i = 1; i <= a.size(); ++i) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[i];
      row[i] = std::min({replaced, row[i] + 1, row[i - 1] + 1});
      best = std::min(best, row[i]);
    }
    if (best > limit) return limit + 1;
  }
  return std::min(row.back(), limit + 1);
}

std::vector<std::optional<std::size_t>> pair_similar(const std::vector<NamedShape>& left,
                                                     const std::vector<NamedShape>& right) {
  std::map<Bucket, std::vector<std::size_t>> buckets;
  for (std::size_t i = 0; i < right.size(); ++i) {
    if (right[i].name.size() > kMaxNameBytes) continue;
    buckets[{right[i].shape, indices_of(right[i].name)}].push_back(i);
  }
  std::vector<Pair> pairs;
  std::size_t comparisons = 0;
  for (std::size_t i = 0; i < left.size() && comparisons < kMaxComparisons; ++i) {
    const auto bucket = buckets.find({left[i].shape, indices_of(left[i].name)});
    if (bucket == buckets.end() || left[i].name.size() > kMaxNameBytes) continue;
    for (const std::size_t j : bucket->second) {
      const std::size_t limit = nearness_limit(left[i].name, right[j].name);
      const std::size_t distance = distance_between(left[i].name, right[j].name, limit);
      if (distance <= limit) pairs.push_back({distance, i, j});
      if (++comparisons == kMaxComparisons) break;
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Pair& a, const Pair& b) { return a.distance < b.distance; });
  std::vector<std::optional<std::size_t>> partner(left.size());
  std::vector<bool> taken(right.size(), false);
  for (const Pair& pair : pairs) {
    if (partner[pair.left] || taken[pair.right]) continue;
    partner[pair.left] = pair.right;
    taken[pair.right] = true;
  }
  return partner;
}

}  // namespace tenon
