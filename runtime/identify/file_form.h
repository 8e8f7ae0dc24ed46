// How `convert` puts a layout's file together.
#pragma once

#include <string>
#include <string_view>

#include <tenon/identify.h>

#include "runtime/mapping/table.h"

namespace tenon {

/// What the layout's table says; empty for a layout that says nothing.
[[nodiscard]] FileForm file_form(const Tables& tables, std::string_view family, std::string_view layout);

/// Whether some layout of the family keeps this part beside the model in one file.
[[nodiscard]] bool is_kept_beside(const Tables& tables, std::string_view family, std::string_view part);

}  // namespace tenon
