// Hands tenon's log to a host's own spdlog logger. Header only: tenon itself does not need spdlog.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include <spdlog/logger.h>

#include <tenon/log.h>

namespace [[gnu::visibility("default")]] tenon {

/// A log function that writes to `logger`, at its levels.
[[nodiscard]] inline LogFunction log_to(std::shared_ptr<spdlog::logger> logger) {
  return [logger = std::move(logger)](LogLevel level, std::string_view message) {
    static constexpr spdlog::level::level_enum kLevels[] = {
        spdlog::level::trace, spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::err};
    logger->log(kLevels[static_cast<std::size_t>(level)], spdlog::string_view_t(message.data(), message.size()));
  };
}

}  // namespace tenon
