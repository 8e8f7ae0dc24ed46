#include <algorithm>
#include <fmt/format.h>

#include "runtime/report/fold.h"
#include "runtime/report/text.h"
#include "runtime/report/words.h"

namespace tenon::report {
namespace {

constexpr std::size_t kShortList = 5;  // of each of three lists: one screen

void append_names(std::string& out, std::string_view label, const std::vector<std::string>& names,
                  bool verbose) {
  if (names.empty()) return;
  out += fmt::format("  {} ({}):\n", label, names.size());
  const std::vector<Folded> folded = fold(names);
  const std::size_t count = verbose ? folded.size() : std::min(folded.size(), kShortList);
  for (std::size_t i = 0; i < count; ++i) {
    out += fmt::format("    {} ({})\n", shown(folded[i].pattern), folded[i].names.size());
  }
  if (count < folded.size())
    out += fmt::format("    ... and {} (-v)\n", counted(folded.size() - count, "more line"));
}

void append_different(std::string& out, const Comparison& comparison, bool verbose) {
  const auto& all = comparison.different;
  if (all.empty()) return;
  out += fmt::format("  different ({}):\n", all.size());
  const std::size_t count = verbose ? all.size() : std::min(all.size(), kShortList);
  for (std::size_t i = 0; i < count; ++i) {
    out += fmt::format("    {}: {}, {} in a, {} in b", shown(all[i].tensor), all[i].what,
                       shown(all[i].a), shown(all[i].b));
    if (all[i].max_abs) out += fmt::format(", largest difference {:.3g}", *all[i].max_abs);
    out += "\n";
  }
  if (count < all.size())
    out += fmt::format("    ... and {} (-v)\n", counted(all.size() - count, "more line"));
}

}  // namespace

std::string to_text(const Comparison& comparison, const TextOptions& options) {
  if (comparison.error) return to_text(*comparison.error, options);
  const Paint paint(options.color);
  std::string out = fmt::format(
      "{}: {} compared by {} names\n",
      comparison.identical() ? paint(Color::kGreen, "identical") : paint(Color::kRed, "different"),
      counted(comparison.matched, "tensor"), comparison.by_file_names ? "file" : "model");
  out += fmt::format("  a: {}\n  b: {}\n", shown(comparison.path_a), shown(comparison.path_b));
  append_names(out, "only in a", comparison.only_in_a, options.verbose);
  append_names(out, "only in b", comparison.only_in_b, options.verbose);
  append_different(out, comparison, options.verbose);
  return out;
}

}  // namespace tenon::report
