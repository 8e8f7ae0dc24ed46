// A YAML document as a plain tree that knows where each node stands. Refuses what tables and policies never need:
// duplicate keys, aliases, tags, keys that are not scalars, a second document.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tenon/value.h>
#include <tl/expected.hpp>

namespace tenon {

struct YamlMark {
  int line = 0;  // from 1
  int column = 0;
};

struct YamlEntry;

struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  YamlMark mark;
  std::string text;             // kScalar
  bool quoted = false;          // a quoted scalar is always a string
  std::vector<YamlNode> items;  // kSequence
  std::vector<YamlEntry> entries;  // kMap, in the order of the file

  [[nodiscard]] const YamlNode* find(std::string_view key) const;
  /// Plain scalars as null, true, false, number or string; sequences as lists; a map gives null.
  [[nodiscard]] Value to_value() const;
};

struct YamlEntry {
  std::string key;
  YamlMark mark;
  YamlNode value;
};

struct YamlError {
  YamlMark mark;
  std::string message;
};

/// YAML text, or what pack_yaml made of one.
[[nodiscard]] tl::expected<YamlNode, YamlError> parse_yaml(std::string_view text);

}  // namespace tenon
