#include "runtime/report/text.h"
#include "runtime/report/words.h"

namespace tenon::report {

std::string to_text(const Error& error, const TextOptions& options) {
  const Paint paint(options.color);
  std::string out = paint(Color::kRed, "error") + ": " + sentence(error.message) + "\n";
  if (!error.remedy.empty())
    out += "  " + paint(Color::kCyan, "do") + ": " + sentence(error.remedy) + "\n";
  return out;
}

}  // namespace tenon::report
