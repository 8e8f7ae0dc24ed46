// Safetensors files that tenon writes: what is in them, in which order, and that a failure leaves no file.
#include <gmock/gmock.h>

#include <cstring>
#include <filesystem>

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/zeros.h>
#include <nlohmann/json.hpp>

#include <tenon/checkpoint.h>
#include <tenon/nn/spec_of.h>

#include "runtime/build/read_back.h"
#include "runtime/build/save.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torch/golden.h"

namespace tenon {
namespace {

using loading::save_safetensors;
using loading::TensorToSave;
using test::TempDir;

std::size_t files_in(const TempDir& dir) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(dir.path()), {}));
}

/// The header of a safetensors file, in the file's order.
nlohmann::ordered_json header_of(const std::string& path) {
  const auto bytes = test::read_file(path);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof(length));
  EXPECT_EQ(length % 8, 0U);
  return nlohmann::ordered_json::parse(bytes.substr(sizeof(length), length));
}

NamedTensors mixed() {
  return {{"bytes", at::arange(3, at::kByte)},
          {"a", at::rand({2, 3})},
          {"z", at::rand({4}).to(at::kHalf)},
          {"brain", at::rand({5}).to(at::kBFloat16)},
          {"flags", at::rand({3}).gt(0.5)},
          {"steps", at::arange(1, at::kLong)},
          {"empty", at::zeros({0, 4})}};
}

TEST(Save, WritesWhatIsReadBack) {
  const TempDir dir;
  const auto path = dir / "out.safetensors";
  const auto given = mixed();
  ASSERT_TRUE(save_safetensors(path, given));
  const auto back = test::read_tensors(path);
  ASSERT_EQ(back.size(), given.size());
  for (const auto& [name, tensor] : given) {
    EXPECT_EQ(back.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(back.at(name), tensor)) << name;
  }
  EXPECT_EQ(files_in(dir), 1U);
}

/// Says of a file whether it holds `tensors`, as if they had just been written to it.
Result<void> holds(const std::string& path, const NamedTensors& tensors) {
  std::vector<TensorToSave> list;
  for (const auto& [name, tensor] : tensors) list.push_back({name, {dtype_of(tensor.scalar_type()), tensor.sizes().vec()}});
  return loading::comes_back(path, "out.safetensors", list,
                             [&](std::size_t index) -> Result<at::Tensor> { return tensors.at(list[index].name); });
}

TEST(Save, AFileThatDoesNotHoldWhatWasWrittenIsFound) {
  const TempDir dir;
  const auto path = dir / "out.safetensors";
  const auto a = at::rand({2, 3});
  const auto b = at::rand({4});
  ASSERT_TRUE(save_safetensors(path, {{"a", a}, {"b", b}}));
  EXPECT_TRUE(holds(path, {{"a", a}, {"b", b}}));
  const NamedTensors others[] = {{{"a", a}, {"b", b + 1}}, {{"a", a}, {"b", b.to(at::kHalf)}}, {{"a", a}, {"b", b.view({2, 2})}}};
  for (const NamedTensors& other : others) {
    const auto result = holds(path, other);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, "TN-SAVE-READ-BACK");
    EXPECT_THAT(result.error().message, testing::HasSubstr("tensor \"b\""));
  }
  const NamedTensors renamed{{"a", a}, {"c", b}};
  ASSERT_FALSE(holds(path, renamed));
  EXPECT_THAT(holds(path, renamed).error().message, testing::HasSubstr("tensor \"c\": not there"));
  const NamedTensors fewer{{"a", a}};
  ASSERT_FALSE(holds(path, fewer));
  EXPECT_EQ(holds(path, fewer).error().code, "TN-SAVE-READ-BACK");
}

TEST(Save, OrdersByWidthThenByName) {
  const TempDir dir;
  const auto path = dir / "out.safetensors";
  ASSERT_TRUE(save_safetensors(path, mixed()));
  std::vector<std::string> names;
  const auto header = header_of(path);
  for (const auto& [name, entry] : header.items()) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"steps", "a", "empty", "brain", "z", "bytes", "flags"}));
}

TEST(Save, WritesTensorsThatAreNotContiguous) {
  const TempDir dir;
  const auto path = dir / "out.safetensors";
  const auto wide = at::rand({4, 6});
  ASSERT_TRUE(save_safetensors(path, {{"turned", wide.t()}, {"every second", wide.slice(1, 0, 6, 2)}}));
  const auto back = test::read_tensors(path);
  EXPECT_TRUE(at::equal(back.at("turned"), wide.t()));
  EXPECT_TRUE(at::equal(back.at("every second"), wide.slice(1, 0, 6, 2)));
}

TEST(Save, KeepsTheMetadata) {
  const TempDir dir;
  const auto path = dir / "out.safetensors";
  const std::vector<TensorToSave> list = {{"w", {DType::kF32, {2}}}};
  const auto produce = [w = at::rand({2})](std::size_t) -> Result<at::Tensor> { return w; };
  ASSERT_TRUE(save_safetensors(path, list, produce, {{"format", "pt"}}));
  EXPECT_EQ(header_of(path).at("__metadata__").at("format"), "pt");
}

TEST(Save, RefusesANameThatIsNotUtf8AndLeavesTheOldFile) {
  const TempDir dir;
  const auto path = dir.write("out.safetensors", "old");
  const auto refused = save_safetensors(path, {{"w\xff", at::rand({2})}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "TN-SAVE-NAME");
  EXPECT_EQ(refused.error().kind, ErrorKind::kUsage);
  EXPECT_NE(refused.error().message.find("w\\xff"), std::string::npos) << refused.error().message;
  EXPECT_EQ(test::read_file(path), "old");
  EXPECT_TRUE(save_safetensors(path, {{"w", at::rand({2})}}));
}

TEST(Save, RefusesADtypeThatTheFormatLacks) {
  const TempDir dir;
  const auto path = dir / "out.safetensors";
  const std::vector<TensorToSave> list = {{"good", {DType::kF32, {1}}}, {"packed", {DType::kQI8, {1}}}};
  const auto refused = save_safetensors(path, list, [](std::size_t) -> Result<at::Tensor> { return at::rand({1}); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "TN-SAVE-DTYPE");
  EXPECT_NE(refused.error().message.find("packed"), std::string::npos);
  EXPECT_EQ(files_in(dir), 0U);
}

TEST(Save, LeavesTheOldFileWhereverATensorCannotBeMade) {
  const TempDir dir;
  const auto path = dir.write("out.safetensors", "old");
  const std::vector<TensorToSave> list = {{"a", {DType::kF32, {2}}}, {"b", {DType::kF32, {2}}}, {"c", {DType::kF32, {2}}}};
  for (std::size_t k = 0; k < list.size(); ++k) {
    const auto produce = [&](std::size_t index) -> Result<at::Tensor> {
      if (index == k) return fail(ErrorKind::kIo, "IO-READ", "the source ended early [IO-READ]");
      return at::rand({2});
    };
    const auto refused = save_safetensors(path, list, produce);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "IO-READ");
    EXPECT_EQ(test::read_file(path), "old");
    EXPECT_EQ(files_in(dir), 1U);
  }
}

TEST(Save, LeavesTheOldFileWhereverTheHostCancels) {
  const TempDir dir;
  const auto path = dir.write("out.safetensors", "old");
  for (int k = 0; k < 3; ++k) {
    int left = k;
    const auto cancelled = save_safetensors(path, {{"a", at::rand({2})}, {"b", at::rand({2})}, {"c", at::rand({2})}},
                                            [&](std::string_view stage, std::uint64_t, std::uint64_t total) {
                                              EXPECT_EQ(stage, "write");
                                              EXPECT_EQ(total, 24U);
                                              return left-- > 0;
                                            });
    ASSERT_FALSE(cancelled);
    EXPECT_EQ(cancelled.error().kind, ErrorKind::kCancelled);
    EXPECT_EQ(test::read_file(path), "old");
    EXPECT_EQ(files_in(dir), 1U);
  }
}

TEST(Save, RefusesAFolderThatIsNotThere) {
  const TempDir dir;
  const auto refused = save_safetensors(dir / "no/out.safetensors", {{"a", at::rand({2})}});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("no/out.safetensors"), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace tenon
