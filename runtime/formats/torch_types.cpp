#include "runtime/formats/torch_types.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace tenon::formats {
namespace {

struct Name {
  std::string_view name;
  DType dtype;
};

constexpr Name kStorages[] = {
  {"DoubleStorage", DType::kF64},        {"FloatStorage", DType::kF32},         {"HalfStorage", DType::kF16},
  {"BFloat16Storage", DType::kBF16},     {"LongStorage", DType::kI64},          {"IntStorage", DType::kI32},
  {"ShortStorage", DType::kI16},         {"CharStorage", DType::kI8},           {"ByteStorage", DType::kU8},
  {"BoolStorage", DType::kBool},         {"ComplexDoubleStorage", DType::kC128}, {"ComplexFloatStorage", DType::kC64},
  {"QInt8Storage", DType::kQI8},         {"QUInt8Storage", DType::kQU8},        {"QInt32Storage", DType::kQI32},
  {"QUInt4x2Storage", DType::kQU4x2},    {"QUInt2x4Storage", DType::kQU2x4},
};

constexpr Name kDtypes[] = {
  {"float64", DType::kF64},
  {"double", DType::kF64},
  {"float32", DType::kF32},
  {"float", DType::kF32},
  {"float16", DType::kF16},
  {"half", DType::kF16},
  {"bfloat16", DType::kBF16},
  {"int64", DType::kI64},
  {"long", DType::kI64},
  {"int32", DType::kI32},
  {"int", DType::kI32},
  {"int16", DType::kI16},
  {"short", DType::kI16},
  {"int8", DType::kI8},
  {"uint8", DType::kU8},
  {"uint16", DType::kU16},
  {"uint32", DType::kU32},
  {"uint64", DType::kU64},
  {"bool", DType::kBool},
  {"complex32", DType::kC32},
  {"complex64", DType::kC64},
  {"complex128", DType::kC128},
  {"float8_e4m3fn", DType::kF8E4M3},
  {"float8_e5m2", DType::kF8E5M2},
  {"float8_e4m3fnuz", DType::kF8E4M3Fnuz},
  {"float8_e5m2fnuz", DType::kF8E5M2Fnuz},
  {"float8_e8m0fnu", DType::kF8E8M0},
  {"qint8", DType::kQI8},
  {"quint8", DType::kQU8},
  {"qint32", DType::kQI32},
  {"quint4x2", DType::kQU4x2},
  {"quint2x4", DType::kQU2x4},
};

template <std::size_t N>
std::optional<DType> find(const Name (&names)[N], std::string_view name) {
  const auto found = std::find_if(std::begin(names), std::end(names), [&](const Name& n) { return n.name == name; });
  return found == std::end(names) ? std::nullopt : std::optional(found->dtype);
}

/// The name within one of torch's modules that hold such names.
std::string_view within(std::string_view global, std::initializer_list<std::string_view> modules) {
  for (const std::string_view module : modules) {
    if (global.starts_with(module) && global.substr(module.size()).starts_with('\n')) return global.substr(module.size() + 1);
  }
  return {};
}

}  // namespace

std::optional<DType> dtype_of_storage_class(std::string_view global) {
  return find(kStorages, within(global, {"torch", "torch.cuda"}));
}

bool is_untyped_storage_class(std::string_view global) {
  const std::string_view name = within(global, {"torch.storage", "torch", "torch.cuda"});
  return name == "UntypedStorage" || name == "_UntypedStorage";
}

std::optional<DType> dtype_of_torch_global(std::string_view global) { return find(kDtypes, within(global, {"torch"})); }

}  // namespace tenon::formats
