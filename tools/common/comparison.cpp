#include "tools/common/comparison.h"

#include "tools/common/exit_code.h"

namespace tenon::tools {

Answer answer_comparison(const Options& options, const report::Comparison& comparison) {
  Answer answer;
  answer.code = comparison.identical() ? kDone : kRefusedCode;
  if (comparison.error) answer.code = exit_code(comparison.error->kind);
  if (options.json) {
    answer.output = report::to_json(comparison) + '\n';
  } else if (comparison.error) {
    answer.diagnostics = error_lines(*comparison.error);
  } else if (!options.quiet) {
    answer.output = report::to_text(comparison, text_options(options));
  }
  return answer;
}

Answer failed_comparison(const Options& options, const Error& error) {
  report::Comparison comparison;
  comparison.path_a = split_argument(options.checkpoints[0]).path;
  comparison.path_b = split_argument(options.checkpoints[1]).path;
  comparison.error = error;
  return answer_comparison(options, comparison);
}

}  // namespace tenon::tools
