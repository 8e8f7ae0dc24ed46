// The nearest of a few known words to one that is not known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tenon::tools {

/// The known word that a typing error would turn into `word`; empty when none is near.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace tenon::tools
