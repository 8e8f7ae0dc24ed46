// The pages of docs/findings, embedded by the build.
#pragma once

#include <span>
#include <string_view>

namespace tenon::tools {

struct Page {
  std::string_view id;  // "TN-MISSING"
  std::string_view text;
};

/// Sorted by id.
[[nodiscard]] std::span<const Page> pages();

}  // namespace tenon::tools
