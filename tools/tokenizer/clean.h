// Text as CLIP's tokenizer sees it: repaired, in lower case, with single spaces.
#pragma once

#include <string>
#include <string_view>

namespace tenon::tokenizer {

/// Cleans valid UTF-8 in open_clip's order (its mode `lower`): the repairs of ftfy that look at single characters (HTML references,
/// ligatures, full and half width, curled quotes, control characters, NFC), references once more, white space, case.
/// Not among them: guessing which wrong encoding a text once went through.
[[nodiscard]] std::string cleaned(std::string_view text);

}  // namespace tenon::tokenizer
