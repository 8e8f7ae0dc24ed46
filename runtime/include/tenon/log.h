// The library never prints: it logs through a function that the host passes in.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace [[gnu::visibility("default")]] tenon {

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError };
using LogFunction = std::function<void(LogLevel, std::string_view)>;

/// Stages "open", "identify", "plan", "read", "bind", "audit"; bytes where the stage moves bytes, else 0 of 0.
/// Return false to cancel; it takes effect within one chunk and leaves nothing behind (kCancelled).
using ProgressFunction = std::function<bool(std::string_view stage, std::uint64_t done, std::uint64_t total)>;

}  // namespace tenon
