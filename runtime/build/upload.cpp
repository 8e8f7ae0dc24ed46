#include "runtime/build/upload.h"

#include <algorithm>

#include <ATen/ops/empty.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "runtime/build/host_memory.h"

namespace tenon::loading {
namespace {

at::Tensor host_buffer() {
  const auto options = at::TensorOptions().dtype(at::kByte);
  const auto size = static_cast<std::int64_t>(Upload::kSlotBytes);
  try {
    return at::empty({size}, options.pinned_memory(true));
  } catch (const c10::Error&) {  // a device without pinned memory, or none of it left: slower, not wrong
    return at::empty({size}, options);
  }
}

}  // namespace

Upload::Slot& Upload::next_slot() {
  auto& slot = slots_[next_++ % kSlots];
  if (!slot.buffer.defined()) slot.buffer = host_buffer();
  if (slot.copied) slot.copied->synchronize();
  return slot;
}

void Upload::mark(Slot& slot) {
  if (!slot.copied) slot.copied.emplace(device_.type());
  slot.copied->record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
}

Result<at::Tensor> Upload::tensor(at::IntArrayRef shape, at::ScalarType dtype, const Fill& fill) {
  auto out = at::empty(shape, at::TensorOptions().dtype(dtype).device(device_));
  if (out.numel() == 0) return out;
  const auto bytes = out.view({-1}).view(at::kByte);
  for (std::uint64_t done = 0; done < out.nbytes();) {
    auto& slot = next_slot();
    const auto length = std::min<std::uint64_t>(kSlotBytes, out.nbytes() - done);
    if (auto filled = fill(done, bytes_of(slot.buffer).first(length)); !filled) return tl::unexpected(filled.error());
    bytes.narrow(0, static_cast<std::int64_t>(done), static_cast<std::int64_t>(length))
        .copy_(slot.buffer.narrow(0, 0, static_cast<std::int64_t>(length)), /*non_blocking=*/true);
    mark(slot);
    done += length;
  }
  return out;
}

Result<at::Tensor> Upload::tensor(const at::Tensor& host) {
  const auto source = host.contiguous();
  return tensor(source.sizes(), source.scalar_type(), [&](std::uint64_t offset, std::span<std::byte> out) -> Result<void> {
    std::ranges::copy(bytes_of(source).subspan(offset, out.size()), out.begin());
    return {};
  });
}

void Upload::finish() {
  for (auto& slot : slots_) {
    if (slot.copied) slot.copied->synchronize();
  }
}

}  // namespace tenon::loading
