#include "runtime/report/fold.h"

#include <algorithm>
#include <map>

#include "runtime/mapping/pattern.h"

namespace tenon::report {
namespace {

using Segments = std::vector<std::string>;

struct Entry {
  Segments segments;
  std::vector<std::size_t> names;
};

std::string join(const Segments& segments) {
  std::string out;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (i != 0) out += '.';
    out += segments[i];
  }
  return out;
}

/// {0, 1, 2, 5} as "{0-2,5}"; one index stays bare.
std::string ranges(std::vector<std::int64_t> indices) {
  std::sort(indices.begin(), indices.end());
  if (indices.size() == 1) return std::to_string(indices[0]);
  std::string out = "{";
  for (std::size_t i = 0; i < indices.size();) {
    std::size_t last = i;
    while (last + 1 < indices.size() && indices[last + 1] == indices[last] + 1) ++last;
    if (i != 0) out += ',';
    out += std::to_string(indices[i]);
    if (last > i) {
      out += last == i + 1 ? ',' : '-';
      out += std::to_string(indices[last]);
    }
    i = last + 1;
  }
  return out + "}";
}

/// Merges entries that are equal but for a decimal at `position`.
std::vector<Entry> fold_at(std::vector<Entry> entries, std::size_t position) {
  std::map<Segments, std::size_t> group_of;
  std::vector<std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    Segments key = entries[i].segments;
    if (position < key.size() && parse_index(key[position])) key[position].clear();
    const auto [at, is_new] = group_of.try_emplace(std::move(key), groups.size());
    if (is_new) groups.emplace_back();
    groups[at->second].push_back(i);
  }
  std::vector<Entry> folded;
  for (const auto& group : groups) {
    Entry merged = std::move(entries[group[0]]);
    if (group.size() > 1) {
      std::vector<std::int64_t> indices{parse_index(merged.segments[position]).value_or(0)};
      for (std::size_t i = 1; i < group.size(); ++i) {
        const Entry& entry = entries[group[i]];
        indices.push_back(parse_index(entry.segments[position]).value_or(0));
        merged.names.insert(merged.names.end(), entry.names.begin(), entry.names.end());
      }
      merged.segments[position] = ranges(std::move(indices));
    }
    folded.push_back(std::move(merged));
  }
  return folded;
}

}  // namespace

std::vector<Folded> fold(const std::vector<std::string>& names) {
  std::vector<Entry> entries;
  std::size_t depth = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    Entry entry{{}, {i}};
    for (const std::string_view segment : split_segments(names[i]))
      entry.segments.emplace_back(segment);
    depth = std::max(depth, entry.segments.size());
    entries.push_back(std::move(entry));
  }
  for (std::size_t position = depth; position-- > 0;)
    entries = fold_at(std::move(entries), position);
  std::vector<Folded> folded;
  for (Entry& entry : entries) {
    std::sort(entry.names.begin(), entry.names.end());
    folded.push_back({join(entry.segments), std::move(entry.names)});
  }
  return folded;
}

}  // namespace tenon::report
