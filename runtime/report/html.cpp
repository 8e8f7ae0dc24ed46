#include "runtime/report/html.h"

namespace tenon::embedded {
std::string_view page_html();
std::string_view page_css();
std::string_view page_js();
}  // namespace tenon::embedded

namespace tenon::report {
namespace {

/// JSON that stays inside its <script> whatever its texts hold: "</script" and "<!--" need a '<', and JSON has that
/// character in texts only.
std::string inside_script(std::string_view json) {
  std::string out;
  for (const char c : json) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

void put(std::string& page, std::string_view mark, std::string_view text) {
  page.replace(page.find(mark), mark.size(), text);
}

}  // namespace

std::string to_html(std::string_view verb, const Outcome& outcome) {
  std::string page(embedded::page_html());
  put(page, "@style@", embedded::page_css());
  put(page, "@script@", embedded::page_js());
  put(page, "@report@", inside_script(to_json(verb, outcome)));  // last: its texts may hold marks
  return page;
}

}  // namespace tenon::report
