// Where the host memory of bound tensors comes from.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include <ATen/core/Tensor.h>

#include <tenon/error.h>

namespace tenon::loading {

/// Gives uninitialised CPU tensors, each with a storage of exactly its size. Tests replace it to fail at the k-th request.
class HostMemory {
 public:
  virtual ~HostMemory() = default;
  [[nodiscard]] virtual Result<at::Tensor> allocate(at::IntArrayRef shape, at::ScalarType dtype) = 0;
};

/// One reservation of `bytes`, on huge pages where the kernel offers them: first touch of ordinary pages costs more than
/// reading the file does. A tensor gives its whole pages back when it dies; the rest goes with the last tensor.
/// Requests beyond `bytes` are served by LibTorch's allocator.
[[nodiscard]] std::unique_ptr<HostMemory> make_arena(std::size_t bytes);

/// Bytes that one tensor takes in an arena.
[[nodiscard]] std::size_t arena_bytes(std::size_t tensor_bytes);

/// The bytes of a contiguous CPU tensor.
[[nodiscard]] std::span<std::byte> bytes_of(const at::Tensor& tensor);

}  // namespace tenon::loading
