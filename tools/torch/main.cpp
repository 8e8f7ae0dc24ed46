// libexec/tenon/tenon-torch: the verbs that need LibTorch. bin/tenon starts it with its own arguments.
#include <cstdio>
#include <cstdlib>

#include "tools/common/interrupt.h"
#include "tools/torch/verbs.h"

namespace {

using tenon::tools::Answer;
using tenon::tools::Options;
using tenon::tools::Verb;

// What the library needs to notice a cancellation: one chunk, on a slow disk.
constexpr int kGraceMilliseconds = 1000;

Answer perform(const Options& options) {
  tenon::tools::interrupt::watch(tenon::tools::interrupted(options).output, kGraceMilliseconds);
  switch (options.verb) {
    case Verb::kLoad:
      return tenon::tools::load(options);
    case Verb::kRun:
      return tenon::tools::run(options);
    case Verb::kConvert:
      return tenon::tools::convert(options);
    case Verb::kBench:
      return tenon::tools::bench(options);
    case Verb::kDiff:
      return tenon::tools::diff_values(options);
    default:
      return tenon::tools::check(options);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int code = tenon::tools::run_program(argc, argv, perform);
#if !defined(__SANITIZE_ADDRESS__)  // which looks for leaks at exit
  // All is written and released; what is left, LibTorch's own tables, takes longer to take down (80 ms) than a check.
  std::fflush(nullptr);
  std::_Exit(code);
#endif
  return code;
}
