#include "tools/torch/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

#include "tools/common/interrupt.h"
#include "tools/common/standard_output.h"

namespace tenon::tools {
namespace {

using Clock = std::chrono::steady_clock;

bool wants_bar(const Options& options) {
  if (options.progress == Progress::kBar) return true;
  return options.progress == Progress::kAuto && !options.quiet && standard_error_is_terminal();
}

// Redrawn at most every 50 ms: a terminal is slower than a load.
class Bar {
 public:
  void show(std::string_view stage, std::uint64_t done, std::uint64_t total) {
    const Clock::time_point now = Clock::now();
    const bool changed = stage != stage_;
    if (changed) {
      stage_ = stage;
      began_ = now;
    }
    const bool finished = total > 0 && done == total;
    if (!changed && !finished && now - drawn_ < std::chrono::milliseconds(50)) return;
    drawn_ = now;
    write_standard_error("\r\033[K" + line(done, total, std::chrono::duration<double>(now - began_).count()));
  }

 private:
  [[nodiscard]] std::string line(std::uint64_t done, std::uint64_t total, double seconds) const {
    if (total == 0) return fmt::format("{:<8}", stage_);
    constexpr std::size_t kWidth = 30;
    const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const auto filled = static_cast<std::size_t>(part * kWidth);
    const std::string rate =
        seconds > 0.1 ? fmt::format("  {:.2f} GB/s", static_cast<double>(done) / seconds / 1e9) : "";
    return fmt::format("{:<8} [{}{}] {:.0f}/{:.0f} MB{}", stage_, std::string(filled, '#'),
                       std::string(kWidth - filled, '.'), static_cast<double>(done) / 1e6,
                       static_cast<double>(total) / 1e6, rate);
  }

  std::string stage_;
  Clock::time_point began_;
  Clock::time_point drawn_;
};

void show_json(std::string_view stage, std::uint64_t done, std::uint64_t total) {
  write_standard_error(fmt::format("{{\"stage\": \"{}\", \"done\": {}, \"total\": {}}}\n", stage, done, total));
}

}  // namespace

ProgressFunction make_progress(const Options& options) {
  if (options.progress == Progress::kJson) {
    return [](std::string_view stage, std::uint64_t done, std::uint64_t total) {
      show_json(stage, done, total);
      return !interrupt::requested();
    };
  }
  if (wants_bar(options)) {
    return [bar = std::make_shared<Bar>()](std::string_view stage, std::uint64_t done, std::uint64_t total) {
      bar->show(stage, done, total);
      return !interrupt::requested();
    };
  }
  return [](std::string_view, std::uint64_t, std::uint64_t) { return !interrupt::requested(); };
}

void clear_progress(const Options& options) {
  if (wants_bar(options)) write_standard_error("\r\033[K");
}

}  // namespace tenon::tools
