// Progress and cancellation: one callback per chunk, from the thread that called the library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tenon/error.h>
#include <tenon/log.h>

namespace tenon::loading {

class Progress {
 public:
  explicit Progress(ProgressFunction function) : function_(std::move(function)) {}
  /// kCancelled when the host says so.
  [[nodiscard]] Result<void> report(std::string_view stage, std::uint64_t done = 0, std::uint64_t total = 0) const {
    if (!function_ || function_(stage, done, total)) return {};
    return fail(ErrorKind::kCancelled, "TN-CANCELLED", "cancelled while in stage \"" + std::string(stage) + "\" [TN-CANCELLED]");
  }

 private:
  ProgressFunction function_;
};

}  // namespace tenon::loading
