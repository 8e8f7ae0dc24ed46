// Host bytes to a device through a small ring of pinned buffers: reading the next piece overlaps copying the last.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/Event.h>

#include <tenon/error.h>

namespace tenon::loading {

class Upload {
 public:
  static constexpr std::size_t kSlots = 4;
  static constexpr std::size_t kSlotBytes = std::size_t{16} << 20;

  explicit Upload(c10::Device device) : device_(device) {}

  /// Fills `out`, a piece of the tensor's bytes from `offset`.
  using Fill = std::function<Result<void>(std::uint64_t offset, std::span<std::byte> out)>;
  /// A new tensor on the device; `fill` is called for its bytes in order. The copies may still be under way.
  [[nodiscard]] Result<at::Tensor> tensor(at::IntArrayRef shape, at::ScalarType dtype, const Fill& fill);
  [[nodiscard]] Result<at::Tensor> tensor(const at::Tensor& host);
  /// Waits for all copies.
  void finish();

 private:
  struct Slot {
    at::Tensor buffer;  // pinned where the device offers it
    std::optional<c10::Event> copied;
  };
  Slot& next_slot();
  void mark(Slot& slot);

  c10::Device device_;
  std::array<Slot, kSlots> slots_;
  std::size_t next_ = 0;
};

}  // namespace tenon::loading
