#include "tools/torch/program.h"

#include <cstdio>
#include <cstdlib>

#include "tools/common/interrupt.h"
#include "tools/torch/verbs.h"

namespace tenon::tools {
namespace {

// What the library needs to notice a cancellation: one chunk, on a slow disk.
constexpr int kGraceMilliseconds = 1000;

}  // namespace

Answer perform_verb(const Options& options) {
  interrupt::watch(interrupted(options).output, kGraceMilliseconds);
  switch (options.verb) {
    case Verb::kLoad:
      return load(options);
    case Verb::kRun:
      return run(options);
    case Verb::kConvert:
      return convert(options);
    case Verb::kBench:
      return bench(options);
    case Verb::kDiff:
      return diff_values(options);
    default:
      return check(options);
  }
}

void leave(int code) {
#if defined(__SANITIZE_ADDRESS__)  // which looks for leaks at exit
  std::exit(code);
#else
  // All is written and released; what is left, LibTorch's own tables, takes longer to take down (80 ms) than a check.
  std::fflush(nullptr);
  std::_Exit(code);
#endif
}

}  // namespace tenon::tools
