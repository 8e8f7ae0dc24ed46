#include "runtime/io/shard_name.h"

#include <charconv>

namespace tenon::io {
namespace {

/// Digits at the end of `text`, cut off it.
std::optional<std::int64_t> take_number(std::string_view& text) {
  const auto before = text.find_last_not_of("0123456789");
  const std::string_view digits = text.substr(before == std::string_view::npos ? 0 : before + 1);
  std::int64_t number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || parsed.ec != std::errc()) return std::nullopt;
  text.remove_suffix(digits.size());
  return number;
}

}  // namespace

std::optional<ShardName> shard_of(std::string_view file_name) {
  constexpr std::string_view kOf = "-of-";
  const auto ending = file_name.rfind('.');
  std::string_view stem = file_name.substr(0, ending);
  const auto count = take_number(stem);
  if (!count || !stem.ends_with(kOf)) return std::nullopt;
  stem.remove_suffix(kOf.size());
  const auto number = take_number(stem);
  if (!number || *count < 2 || *number < 1 || *number > *count) return std::nullopt;
  return ShardName{*number, *count};
}

}  // namespace tenon::io
