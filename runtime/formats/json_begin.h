// The one way in which On-Demand parsing begins.
#pragma once

#include <new>
#include <string_view>

#include <simdjson.h>

namespace tenon::formats {

/// Starts a document over text with simdjson's padding behind it; no memory is std::bad_alloc.
/// simdjson 3.0 does not look whether its string buffer could be had. Asking for it first lets iterate(), which does look
/// whether the parser has one, ask again; the larger buffers that come after it report their failure.
[[nodiscard]] inline simdjson::error_code begin_json(simdjson::ondemand::parser& parser,
                                                     std::string_view text,
                                                     simdjson::ondemand::document& document) {
  auto error = parser.allocate(text.size());
  if (!error) error = parser.iterate(text, text.size() + simdjson::SIMDJSON_PADDING).get(document);
  if (error == simdjson::MEMALLOC) throw std::bad_alloc();
  return error;
}

}  // namespace tenon::formats
