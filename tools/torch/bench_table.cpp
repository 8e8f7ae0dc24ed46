#include "tools/torch/bench_table.h"

#include <fmt/format.h>

#include "runtime/io/text.h"

namespace tenon::tools {
namespace {

std::string rate(const report::Json& row) {
  if (row.contains("bytes_per_second")) return fmt::format("{:.2f} GB/s", row["bytes_per_second"].get<double>() / 1e9);
  if (row.contains("items_per_second")) return fmt::format("{:.1f} /s", row["items_per_second"].get<double>());
  return "";
}

std::string line(const report::Json& row) {
  const std::string name = io::escape(row["name"].get<std::string>(), 300);
  if (row.value("error_occurred", false)) {
    return fmt::format("| {} | {} | | | |\n", name, io::escape(row["error_message"].get<std::string>(), 300));
  }
  return fmt::format("| {} | {:.3f} {} | {} | {} | {} |\n", name, row["real_time"].get<double>(),
                     row["time_unit"].get<std::string>(), rate(row), row["iterations"].get<std::uint64_t>(),
                     row.value("label", std::string()));
}

}  // namespace

std::string bench_table(const report::Json& measured) {
  std::string text = "| benchmark | time | rate | iterations | cache |\n|---|---|---|---|---|\n";
  for (const report::Json& row : measured["benchmarks"]) text += line(row);
  const report::Json& context = measured["context"];
  text += fmt::format("\nCPU: {}; threads: {}; GPU: {}; driver: {}\npeak host memory: {:.1f} MB; peak device memory: {:.1f} MB\n",
                      context["cpu"].get<std::string>(), context["threads"].get<int>(), context["gpu"].get<std::string>(),
                      context["gpu_driver"].get<std::string>(), context["peak_host_bytes"].get<double>() / 1e6,
                      context["peak_device_bytes"].get<double>() / 1e6);
  for (const report::Json& checkpoint : context["checkpoints"]) {
    text += fmt::format("{}: {:.1f} MB on {}\n", io::escape(checkpoint["path"].get<std::string>(), 300),
                        checkpoint["bytes"].get<double>() / 1e6, checkpoint["file_system"].get<std::string>());
  }
  return text;
}

}  // namespace tenon::tools
