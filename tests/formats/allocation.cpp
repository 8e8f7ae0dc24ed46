// Replaces operator new in this test program only.
#include "tests/support/allocation.h"

#include <cstddef>
#include <cstdlib>
#include <new>

#include <malloc.h>

namespace {

struct State {
  bool watching = false;
  bool for_ever = false;
  std::uint64_t fail_at = 0;
  tenon::test::AllocationCount count;
};
thread_local State state;

void* allocate(std::size_t size, std::size_t alignment) noexcept {
  if (state.watching) {
    const std::uint64_t call = state.count.calls++;
    if (call == state.fail_at || (state.for_ever && call > state.fail_at)) return nullptr;
  }
  if (size == 0) size = 1;
  void* pointer = alignment <= alignof(std::max_align_t)
                    ? std::malloc(size)
                    : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (state.watching && pointer != nullptr) {
    state.count.live += ::malloc_usable_size(pointer);
    if (state.count.live > state.count.peak) state.count.peak = state.count.live;
  }
  return pointer;
}

void release(void* pointer) noexcept {
  if (state.watching && pointer != nullptr) {
    const std::uint64_t size = ::malloc_usable_size(pointer);
    state.count.live -= size < state.count.live ? size : state.count.live;
  }
  std::free(pointer);
}

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
  void* pointer = allocate(size, alignment);
  if (pointer == nullptr) throw std::bad_alloc();
  return pointer;
}

constexpr std::size_t kPlain = alignof(std::max_align_t);

}  // namespace

void* operator new(std::size_t size) { return allocate_or_throw(size, kPlain); }
void* operator new[](std::size_t size) { return allocate_or_throw(size, kPlain); }
void* operator new(std::size_t size, std::align_val_t a) { return allocate_or_throw(size, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t size, std::align_val_t a) { return allocate_or_throw(size, static_cast<std::size_t>(a)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, kPlain); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, kPlain); }
void operator delete(void* pointer) noexcept { release(pointer); }
void operator delete[](void* pointer) noexcept { release(pointer); }
void operator delete(void* pointer, std::size_t) noexcept { release(pointer); }
void operator delete[](void* pointer, std::size_t) noexcept { release(pointer); }
void operator delete(void* pointer, std::align_val_t) noexcept { release(pointer); }
void operator delete[](void* pointer, std::align_val_t) noexcept { release(pointer); }
void operator delete(void* pointer, std::size_t, std::align_val_t) noexcept { release(pointer); }
void operator delete[](void* pointer, std::size_t, std::align_val_t) noexcept { release(pointer); }
void operator delete(void* pointer, const std::nothrow_t&) noexcept { release(pointer); }
void operator delete[](void* pointer, const std::nothrow_t&) noexcept { release(pointer); }

namespace tenon::test {

AllocationWatch::AllocationWatch(std::uint64_t fail_at, bool for_ever) { state = {true, for_ever, fail_at, {}}; }
AllocationWatch::~AllocationWatch() { state.watching = false; }
AllocationCount AllocationWatch::count() const { return state.count; }

}  // namespace tenon::test
