#include <tenon/error.h>

#include <ostream>
#include <string>
#include <string_view>

namespace tenon {
namespace {

struct Field {
  std::string_view option;
  std::string_view field;
};

// Texts are worded for the command line; whoever prints an `Error` is a program.
constexpr Field kFields[] = {
    {"--as", "LoadOptions::family and ::variant"},
    {"--config", "LoadOptions::config_path"},
    {"--set", "LoadOptions::set"},
    {"--policy", "LoadOptions::policy"},
    {"--with", "LoadOptions::with"},
    {"--device", "LoadOptions::device"},
    {"--dtype", "LoadOptions::dtype"},
    {"--io", "LoadOptions::io"},
    {"--verify", "LoadOptions::verify"},
    {"--sha256", "LoadOptions::sha256"},
};

/// As a word of its own: "--as" is not in "--assume".
bool names_option(std::string_view text, std::string_view option) {
  for (std::size_t at = text.find(option); at != std::string_view::npos; at = text.find(option, at + 1)) {
    const bool begins = at == 0 || text[at - 1] == ' ' || text[at - 1] == '`' || text[at - 1] == '(';
    const std::size_t end = at + option.size();
    if (begins && (end == text.size() || std::string_view(" .,;:)`=").find(text[end]) != std::string_view::npos)) return true;
  }
  return false;
}

std::string in_cpp(const Error& error) {
  std::string text;
  for (const auto& [option, field] : kFields) {
    if (!names_option(error.message, option) && !names_option(error.remedy, option)) continue;
    text += (text.empty() ? "" : "; ") + std::string(option) + " is " + std::string(field);
  }
  return text;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Error& error) {
  out << error.message;
  if (!error.remedy.empty()) out << "\n  " << error.remedy;
  if (const std::string fields = in_cpp(error); !fields.empty()) out << "\n  in C++: " << fields;
  return out;
}

}  // namespace tenon
