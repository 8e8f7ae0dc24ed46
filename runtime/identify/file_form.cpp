#include "runtime/identify/file_form.h"

#include <algorithm>

#include "runtime/identify/tables.h"

namespace tenon {

FileForm file_form(const Tables& tables, std::string_view family, std::string_view layout) {
  const FamilyTable* const table = tables.family(family);
  const LayoutTable* const found = table == nullptr ? nullptr : table->layout(layout);
  return found == nullptr ? FileForm{} : found->file;
}

bool is_kept_beside(const Tables& tables, std::string_view family, std::string_view part) {
  const FamilyTable* const table = tables.family(family);
  if (table == nullptr) return false;
  return std::any_of(table->layouts.begin(), table->layouts.end(), [&](const LayoutTable& layout) {
    return std::any_of(layout.file.beside.begin(), layout.file.beside.end(), [&](const auto& beside) { return beside.first == part; });
  });
}

}  // namespace tenon
