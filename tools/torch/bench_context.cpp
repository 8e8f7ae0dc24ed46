#include "tools/torch/bench_context.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

namespace tenon::tools {
namespace {

/// What stands behind `key` and a colon in the first line that begins with it; empty where there is none.
std::string value_of(const std::filesystem::path& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    if (line.rfind(key, 0) != 0 || colon == std::string::npos) continue;
    const auto begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? std::string() : line.substr(begin);
  }
  return {};
}

}  // namespace

std::string cpu_model() {
  const std::string model = value_of("/proc/cpuinfo", "model name");
  return model.empty() ? "unknown" : model;
}

std::string gpu_models() {
  std::set<std::string> models;
  std::error_code none;
  for (const auto& gpu : std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", none)) {
    models.insert(value_of(gpu.path() / "information", "Model"));
  }
  std::string text;
  for (const std::string& model : models) text += (text.empty() ? "" : ", ") + model;
  return text.empty() ? "none" : text;
}

std::string gpu_driver() {
  std::ifstream version("/proc/driver/nvidia/version");
  std::string line;
  return std::getline(version, line) ? line : "none";
}

std::uint64_t peak_host_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

std::uint64_t peak_device_bytes(c10::Device device) {
  if (device.is_cpu()) return 0;
  auto* const allocator = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(device.type()));
  if (allocator == nullptr) return 0;
  const auto stats = allocator->getDeviceStats(std::max<c10::DeviceIndex>(device.index(), 0));
  return static_cast<std::uint64_t>(stats.allocated_bytes.at(0).peak);  // over all pools
}

}  // namespace tenon::tools
