#include "tools/torch/outcome.h"

#include <tenon/checkpoint.h>

#include "runtime/report/json.h"
#include "tools/common/exit_code.h"
#include "tools/torch/progress.h"

namespace tenon::tools {
namespace {

// A refusal is a report; everything else that ends a verb early is an error.
bool is_report(const report::Outcome& outcome) {
  return outcome.report || (outcome.error && outcome.error->report != nullptr);
}

int code_of(const report::Outcome& outcome) {
  if (outcome.error) return exit_code(outcome.error->kind);
  return outcome.report->verdict == Verdict::kRefused ? kRefusedCode : kDone;
}

}  // namespace

Answer outcome(const Options& options, std::optional<LoadReport> report, std::optional<Error> error) {
  clear_progress(options);
  const report::Outcome result{split_argument(options.checkpoints.front()).path, std::move(report), std::move(error)};
  Answer answer;
  answer.code = code_of(result);
  const std::string verb = verb_name(options.verb);
  if (options.json) {
    answer.output = report::to_json(verb, result) + '\n';
  } else if (is_report(result)) {
    if (!options.quiet) answer.output = report::to_text(verb, result, text_options(options));
  } else {
    answer.diagnostics = error_lines(*result.error);
  }
  return answer;
}

}  // namespace tenon::tools
