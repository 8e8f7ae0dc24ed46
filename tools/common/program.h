// What both programs do around a verb: parse, perform, answer, exit code.
#pragma once

#include <functional>
#include <string>

#include <tenon/error.h>

#include "runtime/report/text.h"
#include "tools/common/options.h"

namespace tenon::tools {

/// What a verb has to say, and the exit code.
struct Answer {
  int code = 0;
  std::string output;       // standard output: text, or one JSON document
  std::string diagnostics;  // standard error: one line an error, and its remedy
};

using Perform = std::function<Answer(const Options& options)>;

/// The body of main.
[[nodiscard]] int run_program(int argc, const char* const* argv, const Perform& perform);

/// The answer that reports `error` as the verb's whole result.
[[nodiscard]] Answer failure(const Options& options, const Error& error);
/// The answer of a program that a signal ended.
[[nodiscard]] Answer interrupted(const Options& options);
/// The error in words, for standard error.
[[nodiscard]] std::string error_lines(const Error& error);
/// How a report for people is printed: with colours on a terminal, whole under -v.
[[nodiscard]] report::TextOptions text_options(const Options& options);

}  // namespace tenon::tools
