#include "tests/fake_cuda/fake_cuda.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

#include <ATen/EmptyTensor.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/unfold_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

namespace tenon::test::fake_cuda {
namespace {

std::atomic<std::uint64_t> free_bytes{std::uint64_t{1} << 40};
std::atomic<std::uint64_t> used_bytes{0};
std::atomic<std::uint64_t> peak_bytes{0};
std::atomic<int> allocations_left{-1};
std::atomic<int> copies_left{-1};
thread_local c10::DeviceIndex current_device = 0;

/// Counts down to the one that fails.
bool is_due(std::atomic<int>& left) { return left >= 0 && left-- == 0; }

struct Block {
  std::uint64_t size;
};
constexpr std::size_t kHeader = 64;  // keeps the data aligned

void free_block(void* data) {
  if (!data) return;
  auto* const start = static_cast<char*>(data) - kHeader;
  used_bytes -= reinterpret_cast<Block*>(start)->size;
  std::free(start);
}

class Allocator final : public c10::DeviceAllocator {
 public:
  c10::DataPtr allocate(std::size_t size) override {
    const c10::Device device(c10::kCUDA, current_device);
    if (is_due(allocations_left)) TORCH_CHECK_WITH(OutOfMemoryError, false, "fake CUDA out of memory");
    if (size == 0) return {nullptr, device};
    auto* const start = static_cast<char*>(std::aligned_alloc(kHeader, (size + 2 * kHeader - 1) / kHeader * kHeader));
    reinterpret_cast<Block*>(start)->size = size;
    const auto used = used_bytes += size;
    if (used > peak_bytes) peak_bytes = used;
    return {start + kHeader, start + kHeader, free_block, device};
  }
  c10::DeleterFnPtr raw_deleter() const override { return free_block; }
  void copy_data(void* to, const void* from, std::size_t size) const override { std::memcpy(to, from, size); }
  bool initialized() override { return true; }
  void emptyCache(c10::MempoolId_t) override {}
  void recordStream(const c10::DataPtr&, c10::Stream) override {}
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex) override { return {}; }
  void resetAccumulatedStats(c10::DeviceIndex) override {}
  void resetPeakStats(c10::DeviceIndex) override {}
  std::pair<std::size_t, std::size_t> getMemoryInfo(c10::DeviceIndex) override { return {free_bytes, free_bytes}; }
};

Allocator allocator;
REGISTER_ALLOCATOR(c10::kCUDA, &allocator)

struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return c10::kCUDA; }
  c10::Device exchangeDevice(c10::Device device) const override {
    const auto old = getDevice();
    setDevice(device);
    return old;
  }
  c10::Device getDevice() const override { return {c10::kCUDA, current_device}; }
  void setDevice(c10::Device device) const override {
    TORCH_CHECK(device.index() < kDevices, "no such device");
    current_device = device.index();
  }
  void uncheckedSetDevice(c10::Device device) const noexcept override { current_device = device.index(); }
  c10::Stream getStream(c10::Device device) const override { return c10::Stream(c10::Stream::DEFAULT, device); }
  c10::Stream getDefaultStream(c10::Device device) const override { return c10::Stream(c10::Stream::DEFAULT, device); }
  c10::Stream exchangeStream(c10::Stream stream) const override { return stream; }
  c10::DeviceIndex deviceCount() const noexcept override { return kDevices; }
  void record(void** event, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {
    static int recorded = 0;
    *event = &recorded;
  }
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  void synchronizeEvent(void*) const override {}
  void destroyEvent(void*, const c10::DeviceIndex) const noexcept override {}
  void synchronizeDevice(const c10::DeviceIndex) const override {}
};
C10_REGISTER_GUARD_IMPL(CUDA, Guard)

// LibTorch looks for this very name.
struct CUDAHooks final : at::CUDAHooksInterface {
  explicit CUDAHooks(at::CUDAHooksArgs) {}
  void init() const override {}
  bool hasCUDA() const override { return true; }
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  int getNumGPUs() const override { return kDevices; }
  c10::DeviceIndex deviceCount() const override { return kDevices; }
  c10::DeviceIndex current_device() const override { return current_device_index(); }
  c10::Allocator* getPinnedMemoryAllocator() const override { return c10::GetAllocator(c10::kCPU); }

 private:
  static c10::DeviceIndex current_device_index() { return fake_cuda::current_device; }
};
using at::CUDAHooksRegistry;
using at::RegistererCUDAHooksRegistry;
REGISTER_CUDA_HOOKS(CUDAHooks)

at::Tensor empty(at::IntArrayRef size,
                 std::optional<at::ScalarType> dtype,
                 std::optional<at::Layout>,
                 std::optional<at::Device> device,
                 std::optional<bool>,
                 std::optional<at::MemoryFormat> format) {
  const c10::DeviceGuard guard(c10::Device(c10::kCUDA, device && device->has_index() ? device->index() : current_device));
  return at::detail::empty_generic(size, &allocator, c10::DispatchKeySet(c10::DispatchKey::CUDA), dtype.value_or(at::kFloat), format);
}

at::Tensor empty_strided(at::IntArrayRef size,
                         at::IntArrayRef stride,
                         std::optional<at::ScalarType> dtype,
                         std::optional<at::Layout>,
                         std::optional<at::Device> device,
                         std::optional<bool>) {
  const c10::DeviceGuard guard(c10::Device(c10::kCUDA, device && device->has_index() ? device->index() : current_device));
  return at::detail::empty_strided_generic(size, stride, &allocator, c10::DispatchKeySet(c10::DispatchKey::CUDA), dtype.value_or(at::kFloat));
}

/// The same bytes as a CPU tensor.
at::Tensor host_alias(const at::Tensor& t) {
  if (t.is_cpu()) return t;
  return at::from_blob(t.data_ptr(), t.sizes(), t.strides(), at::TensorOptions().dtype(t.scalar_type()));
}

at::Tensor& copy(at::Tensor& self, const at::Tensor& source, bool) {
  TORCH_CHECK(!is_due(copies_left), "fake CUDA: the device has failed");
  host_alias(self).copy_(host_alias(source));
  return self;
}

/// How the CPU fallback brings back what an operation wrote in place.
at::Tensor copy_back(const at::Tensor& self, const at::Tensor& dst) {
  TORCH_CHECK(self.sizes() == dst.sizes(), "the fake device does not resize");
  return dst.copy_(self);
}

// What cannot go through the CPU and back: memory, and views of it.
TORCH_LIBRARY_IMPL(aten, CUDA, m) {
  m.impl("empty.memory_format", empty);
  m.impl("empty_strided", empty_strided);
  m.impl("copy_", copy);
  m.impl("_copy_from_and_resize", copy_back);
  m.impl("as_strided", at::native::as_strided_tensorimpl);
  m.impl("view", at::native::view);
  m.impl("_reshape_alias", at::native::_reshape_alias);
  m.impl("unfold", at::native::unfold);
}

void fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) { at::native::cpu_fallback(op, stack); }
TORCH_LIBRARY_IMPL(_, CUDA, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>()); }

}  // namespace

void set_free_bytes(std::uint64_t bytes) { free_bytes = bytes; }
void fail_allocation(int k) { allocations_left = k; }
void fail_copy(int k) { copies_left = k; }
std::uint64_t bytes_in_use() { return used_bytes; }
std::uint64_t take_peak_bytes() {
  const std::uint64_t peak = peak_bytes;
  peak_bytes = used_bytes.load();
  return peak;
}

}  // namespace tenon::test::fake_cuda
