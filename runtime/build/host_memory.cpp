#include "runtime/build/host_memory.h"

#include <cstdint>
#include <utility>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <sys/mman.h>
#include <unistd.h>

namespace tenon::loading {
namespace {

constexpr std::size_t kAlignment = 64;             // a cache line, and the widest vector register
constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::size_t round_up(std::size_t value, std::size_t unit) { return (value + unit - 1) / unit * unit; }

/// An anonymous mapping whose usable part begins on a huge page.
class Reservation {
 public:
  static std::shared_ptr<Reservation> make(std::size_t bytes) {
    const auto length = bytes + kHugePage;
    void* const memory =
        mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    if (bytes >= 4 * kHugePage) madvise(memory, length, MADV_HUGEPAGE);  // advice only: refusal costs speed, nothing else
    return std::shared_ptr<Reservation>(new Reservation(static_cast<std::byte*>(memory), length));
  }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  ~Reservation() { munmap(memory_, length_); }

  [[nodiscard]] std::byte* begin() const {
    return reinterpret_cast<std::byte*>(round_up(reinterpret_cast<std::uintptr_t>(memory_), kHugePage));
  }
  /// Returns the whole pages of a piece to the system.
  static void release(std::byte* piece, std::size_t bytes) {
    static const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const auto first = round_up(reinterpret_cast<std::uintptr_t>(piece), page);
    const auto last = (reinterpret_cast<std::uintptr_t>(piece) + bytes) / page * page;
    if (last > first) madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
  }

 private:
  Reservation(std::byte* memory, std::size_t length) : memory_(memory), length_(length) {}
  std::byte* memory_;
  std::size_t length_;
};

class Arena : public HostMemory {
 public:
  explicit Arena(std::size_t bytes) : size_(bytes) {}

  Result<at::Tensor> allocate(at::IntArrayRef shape, at::ScalarType dtype) override {
    const auto options = at::TensorOptions().dtype(dtype);
    const auto bytes = static_cast<std::size_t>(c10::multiply_integers(shape)) * c10::elementSize(dtype);
    const auto taken = arena_bytes(bytes);
    if (bytes == 0 || taken > size_ - used_) return at::empty(shape, options);
    if (!reservation_ && !(reservation_ = Reservation::make(size_))) throw std::bad_alloc();
    auto* const piece = reservation_->begin() + used_;
    used_ += taken;
    const auto give_back = [holder = reservation_, piece, bytes](void*) { Reservation::release(piece, bytes); };
    return at::from_blob(piece, shape, give_back, options);
  }

 private:
  std::size_t size_;
  std::size_t used_ = 0;
  std::shared_ptr<Reservation> reservation_;
};

}  // namespace

std::unique_ptr<HostMemory> make_arena(std::size_t bytes) { return std::make_unique<Arena>(bytes); }

std::size_t arena_bytes(std::size_t tensor_bytes) { return round_up(tensor_bytes, kAlignment); }

std::span<std::byte> bytes_of(const at::Tensor& tensor) { return {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()}; }

}  // namespace tenon::loading
