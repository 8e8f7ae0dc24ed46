#include "tools/common/logging.h"

#include <spdlog/sinks/stdout_color_sinks.h>

#include <memory>

#include <tenon/spdlog.h>

namespace tenon::tools {
namespace {

spdlog::color_mode color_mode(Color color) {
  switch (color) {
    case Color::kAlways:
      return spdlog::color_mode::always;
    case Color::kNever:
      return spdlog::color_mode::never;
    case Color::kAuto:
      break;
  }
  return spdlog::color_mode::automatic;
}

}  // namespace

LogFunction make_log(const Options& options) {
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(color_mode(options.color));
  auto logger = std::make_shared<spdlog::logger>("tenon", std::move(sink));
  logger->set_pattern("%^%l%$ %v");
  logger->set_level(spdlog::level::from_str(options.log_level));
  return log_to(std::move(logger));
}

}  // namespace tenon::tools
