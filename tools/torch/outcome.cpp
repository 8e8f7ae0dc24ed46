#include "tools/torch/outcome.h"

#include <tenon/checkpoint.h>

#include "runtime/io/output_file.h"
#include "runtime/report/html.h"
#include "runtime/report/json.h"
#include "tools/common/exit_code.h"
#include "tools/common/interrupt.h"
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

Result<void> write_page(const Options& options, const report::Outcome& outcome) {
  if (!options.html) return {};
  const interrupt::Section writing;
  auto file = io::OutputFile::create(*options.html);
  if (!file) return tl::unexpected(file.error());
  if (auto ok = file->write(report::to_html(verb_name(options.verb), outcome)); !ok) return ok;
  return file->commit();
}

// Without a report there is no page. One that cannot be written is the failure that is told.
void with_page(const Options& options, report::Outcome& outcome) {
  if (!is_report(outcome)) return;
  const auto written = write_page(options, outcome);
  if (written) return;
  if (!outcome.report) outcome.report = *outcome.error->report;
  outcome.error = written.error();
}

}  // namespace

Answer outcome(const Options& options, std::optional<LoadReport> report, std::optional<Error> error,
               std::optional<Part> part) {
  clear_progress(options);
  report::Outcome result{split_argument(options.checkpoints.front()).path, std::move(report), std::move(error),
                         std::move(part)};
  with_page(options, result);
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
