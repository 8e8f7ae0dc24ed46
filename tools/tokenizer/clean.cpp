#include "tools/tokenizer/clean.h"

#include <memory>
#include <stdexcept>

#include <unicode/locid.h>
#include <unicode/translit.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include "tools/tokenizer/html.h"

namespace tenon::tokenizer {
namespace {

// U+FB05 is apart: NFKC would also make its long s a round one.
constexpr char16_t kRepairs[] =
    uR"(
\uFB05 > \u017Ft ;
:: [\u0132\u0133\u0149\u01C4-\u01CC\u01F1-\u01F3\uFB00-\uFB06\u3000\uFF01-\uFFEF] NFKC ;
[\u02BC\u2018-\u201B] > \' ;
[\u201C-\u201F] > \" ;
:: Null ;
\u001B \[ [0-9\;]* [a-zA-Z] > ;
:: Null ;
[\u0000-\u0008\u000B\u000E-\u001F\u007F\u206A-\u206F\uFEFF\uFFF9-\uFFFC] > ;
:: NFC ;
)";

const icu::Transliterator& repairs() {
  static const std::unique_ptr<icu::Transliterator> transliterator = [] {
    UErrorCode status = U_ZERO_ERROR;
    UParseError where;
    std::unique_ptr<icu::Transliterator> made(
        icu::Transliterator::createFromRules("repairs", kRepairs, UTRANS_FORWARD, where, status));
    if (U_FAILURE(status)) throw std::logic_error(std::string("the repairs do not compile: ") + u_errorName(status));
    return made;
  }();
  return *transliterator;
}

icu::UnicodeString utf16(std::string_view text) {
  return icu::UnicodeString::fromUTF8({text.data(), static_cast<std::int32_t>(text.size())});
}

/// One repair can lay open another: a reference may stand for a curled quote, a control character may cut a reference.
std::string repaired(std::string text) {
  const auto references = text.find('<') == std::string::npos;  // a text with tags is taken to mean its references
  for (std::string before; before != text;) {
    before = text;
    if (references) text = unescape_html(text, HtmlReferences::kClosed);
    icu::UnicodeString wide = utf16(text);
    repairs().transliterate(wide);
    text.clear();
    wide.toUTF8String(text);
  }
  return text;
}

icu::UnicodeString single_spaced(const icu::UnicodeString& text) {
  icu::UnicodeString result;
  bool gap = false;
  for (std::int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    const UChar32 c = text.char32At(i);
    if (u_isUWhiteSpace(c)) {
      gap = true;
      continue;
    }
    if (gap && !result.isEmpty()) result.append(u' ');
    gap = false;
    result.append(c);
  }
  return result;
}

}  // namespace

std::string cleaned(std::string_view text) {
  std::string plain = repaired(std::string(text));
  for (int i = 0; i < 2; ++i) plain = unescape_html(plain, HtmlReferences::kAll);
  std::string result;
  single_spaced(utf16(plain)).toLower(icu::Locale::getRoot()).toUTF8String(result);
  return result;
}

}  // namespace tenon::tokenizer
