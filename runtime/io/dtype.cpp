#include <tenon/dtype.h>

#include <array>
#include <cstddef>

namespace tenon {
namespace {

struct Row {
  DType dtype;
  int bits;
  DTypeKind kind;
  std::string_view name;
  bool in_safetensors;
};

constexpr std::array kRows = {
  Row{DType::kBool, 8, DTypeKind::kBool, "BOOL", true},
  Row{DType::kU8, 8, DTypeKind::kInteger, "U8", true},
  Row{DType::kI8, 8, DTypeKind::kInteger, "I8", true},
  Row{DType::kU16, 16, DTypeKind::kInteger, "U16", true},
  Row{DType::kI16, 16, DTypeKind::kInteger, "I16", true},
  Row{DType::kU32, 32, DTypeKind::kInteger, "U32", true},
  Row{DType::kI32, 32, DTypeKind::kInteger, "I32", true},
  Row{DType::kU64, 64, DTypeKind::kInteger, "U64", true},
  Row{DType::kI64, 64, DTypeKind::kInteger, "I64", true},
  Row{DType::kF16, 16, DTypeKind::kFloat, "F16", true},
  Row{DType::kBF16, 16, DTypeKind::kFloat, "BF16", true},
  Row{DType::kF32, 32, DTypeKind::kFloat, "F32", true},
  Row{DType::kF64, 64, DTypeKind::kFloat, "F64", true},
  Row{DType::kC32, 32, DTypeKind::kComplex, "complex32", false},
  Row{DType::kC64, 64, DTypeKind::kComplex, "C64", true},
  Row{DType::kC128, 128, DTypeKind::kComplex, "complex128", false},
  Row{DType::kF8E4M3, 8, DTypeKind::kFloat, "F8_E4M3", true},
  Row{DType::kF8E5M2, 8, DTypeKind::kFloat, "F8_E5M2", true},
  Row{DType::kF8E4M3Fnuz, 8, DTypeKind::kFloat, "F8_E4M3FNUZ", true},
  Row{DType::kF8E5M2Fnuz, 8, DTypeKind::kFloat, "F8_E5M2FNUZ", true},
  Row{DType::kF8E8M0, 8, DTypeKind::kFloat, "F8_E8M0", true},
  Row{DType::kF6E2M3, 6, DTypeKind::kQuantised, "F6_E2M3", true},
  Row{DType::kF6E3M2, 6, DTypeKind::kQuantised, "F6_E3M2", true},
  Row{DType::kF4, 4, DTypeKind::kQuantised, "F4", true},
  Row{DType::kQI8, 8, DTypeKind::kQuantised, "qint8", false},
  Row{DType::kQU8, 8, DTypeKind::kQuantised, "quint8", false},
  Row{DType::kQI32, 32, DTypeKind::kQuantised, "qint32", false},
  Row{DType::kQU4x2, 4, DTypeKind::kQuantised, "quint4x2", false},
  Row{DType::kQU2x4, 2, DTypeKind::kQuantised, "quint2x4", false},
};

constexpr bool rows_follow_the_enum() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].dtype) != i) return false;
  }
  return static_cast<std::size_t>(DType::kQU2x4) + 1 == kRows.size();
}
static_assert(rows_follow_the_enum());

constexpr const Row& row(DType dtype) { return kRows[static_cast<std::size_t>(dtype)]; }

}  // namespace

int dtype_bits(DType dtype) { return row(dtype).bits; }

DTypeKind dtype_kind(DType dtype) { return row(dtype).kind; }

std::string_view dtype_name(DType dtype) { return row(dtype).name; }

std::optional<DType> dtype_from_safetensors(std::string_view name) {
  for (const Row& candidate : kRows) {
    if (candidate.in_safetensors && candidate.name == name) return candidate.dtype;
  }
  return std::nullopt;
}

}  // namespace tenon
