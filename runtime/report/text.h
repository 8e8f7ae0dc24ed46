// The reports for people: folded, at most about one screen unless verbose, ASCII only.
#pragma once

#include <string>
#include <string_view>
#include <tenon/error.h>

#include "runtime/report/json.h"

namespace tenon::report {

struct TextOptions {
  bool color = false;
  bool verbose = false;  // nothing is left out
};

/// Each ends in a newline.
[[nodiscard]] std::string to_text(const Inspection& inspection, const TextOptions& options);
[[nodiscard]] std::string to_text(const Listing& listing, const TextOptions& options);
/// `verb` is "check", "load", "run" or "convert".
[[nodiscard]] std::string to_text(std::string_view verb, const Outcome& outcome,
                                  const TextOptions& options);
[[nodiscard]] std::string to_text(const Comparison& comparison, const TextOptions& options);
/// "error: ..." and "  do: ..." where there is a remedy.
[[nodiscard]] std::string to_text(const Error& error, const TextOptions& options);
/// `inspect -r`: one line for one file.
[[nodiscard]] std::string summary_line(const Inspection& inspection, const TextOptions& options);

}  // namespace tenon::report
