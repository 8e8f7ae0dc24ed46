// The pages of docs/ that `tenon explain ID` prints, embedded at build time.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tenon::tools {

struct EmbeddedPage {
  std::string_view id;
  std::string_view text;
};

/// docs/findings/<id>.md, one page an id.
[[nodiscard]] std::span<const EmbeddedPage> finding_pages();
/// docs/*-codes.md: sections with an introduction and one row a code.
[[nodiscard]] std::span<const std::string_view> code_lists();

struct Page {
  std::string id;
  std::string text;
};

/// A page for every id that tenon can print. That of a code is its row and its section's introduction.
[[nodiscard]] std::vector<Page> pages();

}  // namespace tenon::tools
