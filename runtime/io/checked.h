// Arithmetic on numbers that a stranger chose: nothing wraps.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>

namespace tenon::io {

template <class T>
[[nodiscard]] constexpr std::optional<T> add(T a, std::type_identity_t<T> b) {
  T sum{};
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

template <class T>
[[nodiscard]] constexpr std::optional<T> multiply(T a, std::type_identity_t<T> b) {
  T product{};
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

/// Whether [offset, offset + length) lies within [0, size), without forming the sum.
[[nodiscard]] constexpr bool fits(std::uint64_t offset, std::uint64_t length, std::uint64_t size) {
  return offset <= size && length <= size - offset;
}

}  // namespace tenon::io
