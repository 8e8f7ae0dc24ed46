// Counts what this thread's program allocates through operator new, and makes one allocation fail on demand.
#pragma once

#include <cstdint>

namespace tenon::test {

struct AllocationCount {
  std::uint64_t calls = 0;
  std::uint64_t live = 0;  // bytes
  std::uint64_t peak = 0;
};

/// While it lives, allocations of this thread are counted from zero; the `fail_at`-th (from 0) throws std::bad_alloc,
/// and those after it too where `for_ever`.
class AllocationWatch {
 public:
  explicit AllocationWatch(std::uint64_t fail_at = ~std::uint64_t{0}, bool for_ever = false);
  ~AllocationWatch();
  AllocationWatch(const AllocationWatch&) = delete;
  AllocationWatch& operator=(const AllocationWatch&) = delete;
  [[nodiscard]] AllocationCount count() const;
};

}  // namespace tenon::test
