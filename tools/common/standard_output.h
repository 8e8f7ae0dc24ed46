// Standard output, written whole and checked: a full disk or a closed descriptor is a failure, not a shrug.
#pragma once

#include <string>
#include <string_view>

namespace tenon::tools {

/// Makes sure that descriptors 0 to 2 are open, so that no file the program opens takes their place.
/// A closed one is replaced by something that cannot be written to.
void keep_standard_streams();
/// Writes all of `text`; the reason of a failure, "" when there was none.
[[nodiscard]] std::string write_standard_output(std::string_view text);
/// The same on standard error, where a failure has nowhere to be told.
void write_standard_error(std::string_view text);
[[nodiscard]] bool standard_output_is_terminal();
[[nodiscard]] bool standard_error_is_terminal();

}  // namespace tenon::tools
