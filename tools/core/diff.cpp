#include "tools/core/diff.h"

#include "tools/common/comparison.h"
#include "tools/common/side.h"

namespace tenon::tools {

Answer diff(const Options& options) {
  const auto sides = open_sides(options.checkpoints[0], options.checkpoints[1]);
  if (sides) return answer_comparison(options, compare_types(*sides));
  return failed_comparison(options, sides.error());
}

}  // namespace tenon::tools
