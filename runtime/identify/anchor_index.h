// Finds anchors at the end of names: what stands before one is a prefix, found and never guessed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/mapping/pattern.h"
#include "runtime/mapping/table.h"

namespace tenon {

/// One form of one layout of one family, by position.
struct FormRef {
  std::uint32_t family = 0;
  std::uint32_t layout = 0;
  std::uint32_t form = 0;  // position in form_choices(layout)
  auto operator<=>(const FormRef&) const = default;
};

struct Anchor {
  std::string text;
  bool anywhere = false;  // began with `**`: finds names, not a prefix
  const EvidenceItem* item = nullptr;
  std::vector<FormRef> forms;
};

class AnchorIndex {
 public:
  AnchorIndex() : nodes_(1) {}

  void add(const Pattern& pattern, const EvidenceItem& item, FormRef form);

  /// Calls `hit` for each anchor that ends the name; `prefix` is the length of what stands before it.
  void search(std::string_view name, const std::function<void(const Anchor& anchor, std::size_t prefix)>& hit) const;

 private:
  static constexpr std::uint32_t kNone = 0xffffffffU;
  struct Node {
    std::vector<std::pair<std::string, std::uint32_t>> literals;  // sorted
    std::vector<std::pair<Segment, std::uint32_t>> globs;
    std::uint32_t index = kNone;
    std::vector<std::uint32_t> anchors;
  };

  std::uint32_t child(std::uint32_t node, const Segment& segment);
  void add_plain(const Pattern& pattern, const EvidenceItem& item, FormRef form);
  void search_from(std::uint32_t node,
                   std::string_view rest,
                   bool done,
                   const std::function<void(const Anchor&, std::size_t)>& hit) const;

  std::vector<Node> nodes_;  // from the last segment to the first
  std::vector<Anchor> anchors_;
};

}  // namespace tenon
