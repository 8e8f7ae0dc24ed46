// bin/tenon: answers what needs no LibTorch within milliseconds, and hands over the rest.
#include "tools/common/interrupt.h"
#include "tools/common/preflight.h"
#include "tools/common/program.h"
#include "tools/core/diff.h"
#include "tools/core/explain.h"
#include "tools/core/hand_over.h"
#include "tools/core/inspect.h"
#include "tools/core/ls.h"

namespace {

using tenon::tools::Answer;
using tenon::tools::Options;

Answer perform_here(const Options& options) {
  tenon::tools::interrupt::watch(tenon::tools::interrupted(options).output, 0);
  switch (options.verb) {
    case tenon::tools::Verb::kLs:
      return tenon::tools::ls(options);
    case tenon::tools::Verb::kExplain:
      return tenon::tools::explain(options);
    case tenon::tools::Verb::kDiff:
      return tenon::tools::diff(options);
    default:
      return tenon::tools::inspect(options);
  }
}

Answer perform(const Options& options, char** argv) {
  if (!needs_libtorch(options)) return perform_here(options);
  if (auto ok = tenon::tools::preflight(options); !ok) return tenon::tools::failure(options, ok.error());
  return tenon::tools::failure(options, tenon::tools::hand_over(argv));
}

}  // namespace

int main(int argc, char** argv) {
  return tenon::tools::run_program(argc, argv, [argv](const Options& options) { return perform(options, argv); });
}
