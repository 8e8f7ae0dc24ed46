#include "tools/core/pages.h"

#include <fmt/format.h>

namespace tenon::tools {
namespace {

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

/// "| `CODE` | meaning |" as a page; empty for any other line.
Page page_of_row(std::string_view line, std::string_view title, std::string_view introduction) {
  constexpr std::string_view kBegin = "| `";
  constexpr std::string_view kMiddle = "` | ";
  constexpr std::string_view kEnd = " |";
  const std::size_t middle = line.find(kMiddle);
  if (!line.starts_with(kBegin) || middle == std::string_view::npos || !line.ends_with(kEnd)) return {};
  const std::string_view id = line.substr(kBegin.size(), middle - kBegin.size());
  const std::string_view meaning = line.substr(middle + kMiddle.size(), line.size() - middle - kMiddle.size() - kEnd.size());
  std::string text = fmt::format("# {}\n\n{}\n\n## {}\n", id, meaning, title);
  if (!introduction.empty()) text += fmt::format("\n{}", introduction);
  return {std::string(id), std::move(text)};
}

void append_rows(std::vector<Page>& pages, std::string_view list) {
  constexpr std::string_view kSection = "## ";
  std::string_view title;
  std::string introduction;
  while (!list.empty()) {
    const std::string_view line = take_line(list);
    if (line.starts_with(kSection)) {
      title = line.substr(kSection.size());
      introduction.clear();
    } else if (Page page = page_of_row(line, title, introduction); !page.id.empty()) {
      pages.push_back(std::move(page));
    } else if (!line.empty() && !line.starts_with("|")) {
      introduction += fmt::format("{}\n", line);
    }
  }
}

}  // namespace

std::vector<Page> pages() {
  std::vector<Page> all;
  for (const EmbeddedPage& page : finding_pages()) all.push_back({std::string(page.id), std::string(page.text)});
  for (const std::string_view list : code_lists()) append_rows(all, list);
  return all;
}

}  // namespace tenon::tools
