// What a measurement's figures depend on beside the program: machine, file system, memory.
#pragma once

#include <cstdint>
#include <string>

#include <c10/core/Device.h>

namespace tenon::tools {

[[nodiscard]] std::string cpu_model();
/// The names of the GPUs, by NVIDIA's driver; "none" without one.
[[nodiscard]] std::string gpu_models();
[[nodiscard]] std::string gpu_driver();
/// The most memory that this process held so far.
[[nodiscard]] std::uint64_t peak_host_bytes();
/// The most that LibTorch's allocator gave out on a device so far; 0 for the CPU.
[[nodiscard]] std::uint64_t peak_device_bytes(c10::Device device);

}  // namespace tenon::tools
