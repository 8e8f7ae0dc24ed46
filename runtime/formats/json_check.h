// The grammar of JSON, checked whole before anything is read from it: simdjson's On-Demand front end looks only at what
// it is asked for, and says where a fault is only by chance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tenon/error.h>

#include "runtime/io/text.h"

namespace tenon::formats {

struct JsonFault {
  std::size_t byte = 0;   // within the text
  std::string_view word;  // the code's second half: "UTF8", "JSON-END", ...
  std::string found;
  std::string_view required;
  bool limit = false;
};

/// The first fault of `text` as one RFC 8259 document of at most `max_depth` nested containers; iterative.
/// Words: UTF8, BOM, JSON-END, TRAILING-JSON, COMMA, KEY, CONTROL, ESCAPE, SURROGATE, NUMBER, JSON, DEPTH (a limit).
[[nodiscard]] std::optional<JsonFault> find_json_fault(std::string_view text, std::uint64_t max_depth);

/// The fault as an error: `prefix` is "ST" or "IX", `base` the text's first byte in the file.
[[nodiscard]] Failure json_failure(const JsonFault& fault,
                                   std::string_view prefix,
                                   std::string_view file,
                                   std::uint64_t base);

}  // namespace tenon::formats
