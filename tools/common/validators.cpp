#include "tools/common/validators.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <string_view>
#include <utility>

#include "runtime/io/text.h"
#include "tools/common/did_you_mean.h"

namespace tenon::tools {
namespace {

bool is_device(std::string_view device) {
  if (device == "cpu" || device == "cuda") return true;
  constexpr std::string_view kNumbered = "cuda:";
  if (device.substr(0, kNumbered.size()) != kNumbered) return false;
  const std::string_view number = device.substr(kNumbered.size());
  const bool digits = std::all_of(number.begin(), number.end(), [](unsigned char c) { return std::isdigit(c); });
  return digits && (number.size() == 1 || (number.size() == 2 && number.front() != '0'));
}

}  // namespace

CLI::Validator one_of(std::vector<std::string> choices) {
  return CLI::Validator(
      [choices](std::string& value) -> std::string {
        if (std::find(choices.begin(), choices.end(), value) != choices.end()) return {};
        const std::string near = nearest(value, choices);
        return fmt::format("{} is not one of {}{}", io::quoted(value), fmt::join(choices, ", "),
                           near.empty() ? "" : fmt::format("; did you mean {}?", near));
      },
      "");
}

CLI::Validator not_negative() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        double number = 0;
        const bool fits = CLI::detail::lexical_cast(text, number) && number >= 0 && std::isfinite(number);
        return fits ? std::string() : io::quoted(text) + " is not a number from 0 on";
      },
      "");
}

CLI::Validator device_name() {
  return CLI::Validator(
      [](std::string& device) { return is_device(device) ? std::string() : io::quoted(device) + " is not cpu, cuda or cuda:N"; }, "");
}

CLI::Validator sha256_digits() {
  return CLI::Validator(
      [](std::string& hex) -> std::string {
        const bool digits = std::all_of(hex.begin(), hex.end(), [](unsigned char c) { return std::isxdigit(c); });
        return hex.size() == 64 && digits ? std::string() : io::quoted(hex) + " is not 64 hexadecimal digits";
      },
      "");
}

}  // namespace tenon::tools
