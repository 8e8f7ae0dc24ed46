// docs/embedding.md, compiled and run, with a spdlog logger of the host's own.
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <spdlog/sinks/null_sink.h>
#include <torch/nn/modules/container/sequential.h>

#include <tenon/load.h>
#include <tenon/rename.h>
#include <tenon/spdlog.h>

#include "example_file.h"

int main() {
  const std::string expected_hash(64, '0');
  const auto host_log =
      tenon::log_to(std::make_shared<spdlog::logger>("host", std::make_shared<spdlog::sinks::null_sink_mt>()));
  const bool stop_requested = true;
  torch::nn::Sequential net;
  const std::string path = "absent.safetensors";

#include "embedding.inc"
  REQUIRE(options.policy.rules.size() == 1);
  REQUIRE(options.set.int_or("num_classes", 0) == 10);
  REQUIRE(!options.progress("read", 1, 2));
  REQUIRE(!report && report.error().kind == tenon::ErrorKind::kNotFound);
  std::cout << "ok\n";
}
