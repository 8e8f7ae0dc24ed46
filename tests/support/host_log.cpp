#include "tests/support/host_log.h"

#include <memory>

#include <spdlog/logger.h>
#include <spdlog/sinks/null_sink.h>

#include <tenon/spdlog.h>

namespace tenon::test {

LogFunction host_log() {
  return log_to(std::make_shared<spdlog::logger>("host", std::make_shared<spdlog::sinks::null_sink_mt>()));
}

}  // namespace tenon::test
