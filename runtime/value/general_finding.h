// Findings about no tensor.
#pragma once

#include <string>
#include <string_view>

#include <tenon/report.h>

namespace tenon {

/// An error refuses; a warning or a note keeps what it is about. The message is cut to the 512 bytes of a line.
[[nodiscard]] Finding general_finding(std::string_view id,
                                      FindingKind kind,
                                      Severity severity,
                                      std::string message,
                                      std::string remedy = {});

}  // namespace tenon
