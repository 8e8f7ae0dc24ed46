// A device of type CUDA in host memory: placement, binding and device failures are tested without a GPU.
#pragma once

#include <cstdint>

namespace tenon::test::fake_cuda {

inline constexpr int kDevices = 2;

/// Bytes that the device says are free.
void set_free_bytes(std::uint64_t bytes);
/// The k-th allocation from now on throws c10::OutOfMemoryError; negative: none does.
void fail_allocation(int k);
/// The k-th copy to or from the device from now on throws, as after a device fault; negative: none does.
void fail_copy(int k);
/// Bytes that tensors hold on the device, and the most they ever held since the last call.
[[nodiscard]] std::uint64_t bytes_in_use();
[[nodiscard]] std::uint64_t take_peak_bytes();

}  // namespace tenon::test::fake_cuda
