#include <sstream>

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <tenon/spdlog.h>

namespace {

TEST(Spdlog, PassesLevelAndTextAsTheyAre) {
  std::ostringstream out;
  auto logger = std::make_shared<spdlog::logger>("host", std::make_shared<spdlog::sinks::ostream_sink_st>(out));
  logger->set_pattern("%l %v");
  tenon::LogFunction log = tenon::log_to(logger);
  log(tenon::LogLevel::kInfo, "blocks.{i}: 100 %");
  log(tenon::LogLevel::kError, "second");
  EXPECT_EQ(out.str(), "info blocks.{i}: 100 %\nerror second\n");
}

TEST(Spdlog, LeavesTheThresholdToTheHost) {
  std::ostringstream out;
  auto logger = std::make_shared<spdlog::logger>("host", std::make_shared<spdlog::sinks::ostream_sink_st>(out));
  logger->set_pattern("%v");
  logger->set_level(spdlog::level::warn);
  tenon::LogFunction log = tenon::log_to(logger);
  log(tenon::LogLevel::kDebug, "quiet");
  log(tenon::LogLevel::kWarn, "loud");
  EXPECT_EQ(out.str(), "loud\n");
}

}  // namespace
