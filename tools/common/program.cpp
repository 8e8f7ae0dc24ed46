#include "tools/common/program.h"

#include <fmt/format.h>

#include <cstdlib>
#include <exception>
#include <new>

#include "runtime/io/text.h"
#include "runtime/report/json.h"
#include "runtime/report/text.h"
#include "tools/common/exit_code.h"
#include "tools/common/interrupt.h"
#include "tools/common/standard_output.h"

namespace tenon::tools {
namespace {

bool wants_color(const Options& options) {
  if (options.color != Color::kAuto) return options.color == Color::kAlways;
  const char* no_color = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe)
  const char* terminal = std::getenv("TERM");      // NOLINT(concurrency-mt-unsafe)
  if (no_color != nullptr && *no_color != '\0') return false;
  return standard_output_is_terminal() && terminal != nullptr && std::string(terminal) != "dumb";
}

Answer failure(const std::string& verb, bool json, const Error& error) {
  Answer answer;
  answer.code = exit_code(error.kind);
  if (json) {
    answer.output = report::to_json(verb.empty() ? "usage" : verb, error) + '\n';
  } else {
    answer.diagnostics = error_lines(error);
  }
  return answer;
}

Answer guarded(const Perform& perform, const Options& options) {
  try {
    return perform(options);
  } catch (const std::bad_alloc&) {
    return failure(options, {ErrorKind::kOutOfMemory, "TN-MEMORY", "not enough memory on this host", "", nullptr});
  } catch (const std::exception& error) {
    return failure(options, {ErrorKind::kIo, "TN-INTERNAL",
                             fmt::format("a defect in tenon: {} [TN-INTERNAL]", io::escape(error.what(), 300)),
                             "please report it with the command line", nullptr});
  }
}

Answer answer_to(int argc, const char* const* argv, const Perform& perform) {
  const Parsed parsed = parse_options(argc, argv);
  if (const auto* text = std::get_if<PrintText>(&parsed)) return {kDone, text->text, ""};
  if (const auto* usage = std::get_if<UsageError>(&parsed)) {
    const Glimpse seen = glimpse(argc, argv);
    return failure(seen.verb, seen.json,
                   {ErrorKind::kUsage, "TN-USAGE", usage->message + " [TN-USAGE]", usage->remedy, nullptr});
  }
  return guarded(perform, std::get<Options>(parsed));
}

}  // namespace

int run_program(int argc, const char* const* argv, const Perform& perform) {
  keep_standard_streams();
  interrupt::hold();
  const Answer answer = answer_to(argc, argv, perform);
  interrupt::answering();
  write_standard_error(answer.diagnostics);
  const std::string reason = write_standard_output(answer.output);
  if (reason.empty()) return answer.code;
  write_standard_error(fmt::format("tenon: standard output: {}; it must be writable [TN-OUTPUT]\n", reason));
  return kUnreadable;
}

Answer failure(const Options& options, const Error& error) {
  return failure(verb_name(options.verb), options.json, error);
}

Answer interrupted(const Options& options) {
  return failure(options, {ErrorKind::kCancelled, "TN-CANCELLED", "interrupted; nothing was left behind [TN-CANCELLED]", "", nullptr});
}

std::string error_lines(const Error& error) { return report::to_text(error, {}); }

report::TextOptions text_options(const Options& options) {
  report::TextOptions text;
  text.color = wants_color(options);
  text.verbose = options.verbose;
  return text;
}

}  // namespace tenon::tools
