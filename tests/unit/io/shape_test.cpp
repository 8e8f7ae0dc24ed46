#include <tenon/shape.h>

#include <cstdint>
#include <limits>
#include <random>

#include <gtest/gtest.h>

namespace tenon {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

TEST(Numel, MultipliesAndTakesTheEmptyProductAsOne) {
  EXPECT_EQ(numel({}), 1);
  EXPECT_EQ(numel({2, 3, 4}), 24);
  EXPECT_EQ(numel({2, 0, 4}), 0);
}

TEST(Numel, RefusesNegativeDimensionsAndOverflow) {
  EXPECT_EQ(numel({-1}), std::nullopt);
  EXPECT_EQ(numel({kMax}), kMax);
  EXPECT_EQ(numel({kMax, 2}), std::nullopt);
}

TEST(Numel, RefusesStridesThatOverflowThoughAnotherDimensionIsZero) {
  EXPECT_EQ(numel({0, kMax, 2}), std::nullopt);
  EXPECT_EQ(numel({0, kMax}), 0);
}

TEST(ByteSize, RoundsSubByteTypesUp) {
  EXPECT_EQ(byte_size(DType::kF4, {3}), 2);
  EXPECT_EQ(byte_size(DType::kF6E2M3, {3}), 3);
  EXPECT_EQ(byte_size(DType::kF6E2M3, {4}), 3);
  EXPECT_EQ(byte_size(DType::kF32, {2, 2}), 16);
}

TEST(ByteSize, RefusesOverflowOfBytesOnly) {
  EXPECT_EQ(byte_size(DType::kI32, {std::int64_t{1} << 61}), std::nullopt);
  EXPECT_EQ(byte_size(DType::kU8, {kMax}), kMax);
}

TEST(ByteSize, AgreesWith128BitArithmetic) {
  std::mt19937_64 random(7);
  constexpr DType kTypes[] = {DType::kU8, DType::kF16, DType::kF32, DType::kF64, DType::kF4, DType::kF6E3M2, DType::kC128};
  for (int round = 0; round < 200'000; ++round) {
    Shape shape(random() % 5);
    for (auto& dim : shape) dim = static_cast<std::int64_t>(random() >> (1 + random() % 63));
    const DType dtype = kTypes[random() % std::size(kTypes)];
    Wide product = 1;
    bool empty = false;
    bool fits = true;
    for (const auto dim : shape) {
      empty = empty || dim == 0;
      if (fits) product *= static_cast<Wide>(dim == 0 ? 1 : dim);
      fits = fits && product <= static_cast<Wide>(kMax);
    }
    const Wide elements = empty ? 0 : product;
    const Wide bytes = (elements * static_cast<unsigned>(dtype_bits(dtype)) + 7) / 8;
    fits = fits && bytes <= static_cast<Wide>(kMax);
    const auto got = byte_size(dtype, shape);
    ASSERT_EQ(got.has_value(), fits) << to_string(shape) << " seed 7 round " << round;
    if (fits) {
      ASSERT_EQ(*got, static_cast<std::int64_t>(bytes)) << to_string(shape);
    }
  }
}

TEST(Shape, PrintsAsAList) {
  EXPECT_EQ(to_string(Shape{3, 64, 7}), "[3, 64, 7]");
  EXPECT_EQ(to_string(Shape{}), "[]");
}

TEST(DType, NamesAreInverses) {
  for (int i = 0; i <= static_cast<int>(DType::kF4); ++i) {
    const auto dtype = static_cast<DType>(i);
    if (dtype == DType::kC32 || dtype == DType::kC128) continue;
    EXPECT_EQ(dtype_from_safetensors(dtype_name(dtype)), dtype);
  }
  EXPECT_EQ(dtype_from_safetensors("qint8"), std::nullopt);
  EXPECT_EQ(dtype_from_safetensors("f32"), std::nullopt);
}

}  // namespace
}  // namespace tenon
