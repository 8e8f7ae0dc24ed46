// Element types: everything safetensors and torch storages can name.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace [[gnu::visibility("default")]] tenon {

enum class DType : std::uint8_t {
  kBool,
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kU64,
  kI64,
  kF16,
  kBF16,
  kF32,
  kF64,
  kC32,  // complex of two f16
  kC64,
  kC128,
  kF8E4M3,
  kF8E5M2,
  kF8E4M3Fnuz,
  kF8E5M2Fnuz,
  kF8E8M0,
  kF6E2M3,
  kF6E3M2,
  kF4,
  kQI8,   // torch quantised storages: listed, never bound
  kQU8,
  kQI32,
  kQU4x2,
  kQU2x4,
};

/// Numbers of any width are interchangeable within a kind; across kinds they are not.
enum class DTypeKind : std::uint8_t { kFloat, kInteger, kBool, kComplex, kQuantised };

/// Bits of one element (4 for kF4, 6 for kF6*).
[[nodiscard]] int dtype_bits(DType dtype);
[[nodiscard]] DTypeKind dtype_kind(DType dtype);
/// The safetensors spelling ("F32", "BF16", "F8_E4M3"), else torch's ("qint8").
[[nodiscard]] std::string_view dtype_name(DType dtype);
/// Inverse of dtype_name for the safetensors spellings; nullopt when unknown.
[[nodiscard]] std::optional<DType> dtype_from_safetensors(std::string_view name);

}  // namespace tenon
