#include "runtime/build/stages.h"
#include "runtime/identify/tables.h"

namespace tenon::loading {

std::vector<std::string> head_prefixes(const Tables& tables, const std::string& family) {
  const auto* const table = tables.family(family);
  return table ? table->heads : std::vector<std::string>();
}

}  // namespace tenon::loading
