// The list of codes in docs/container-codes.md is whole, and the codes that no table row raises are raised here.
#include <filesystem>
#include <regex>
#include <set>

#include <gtest/gtest.h>

#include <tenon/checkpoint.h>

#include "tests/formats/container_rows.h"
#include "tests/support/child.h"
#include "tests/support/paths.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torch_bytes.h"

namespace tenon::test {
namespace {

using namespace std::string_literals;

std::set<std::string> codes_in_sources() {
  const std::regex code(R"re("((?:ST|IX|ZP|PK|LG|TS|GG|IO)-[A-Z0-9-]+)")re");
  std::set<std::string> codes;
  for (const char* room : {"io", "formats", "checkpoint", "build"}) {
    for (const auto& file : std::filesystem::directory_iterator(source_dir() / "runtime" / room)) {
      const std::string text = read_file(file.path());
      for (std::sregex_iterator at(text.begin(), text.end(), code), end; at != end; ++at) codes.insert((*at)[1]);
    }
  }
  return codes;
}

TEST(Codes, EveryCodeOfTheSourcesIsInTheDocumentation) {
  const std::string page = read_file(source_dir() / "docs/container-codes.md");
  const auto codes = codes_in_sources();
  EXPECT_GT(codes.size(), 150u);
  for (const std::string& code : codes) {
    const bool json_word = code == "IX-JSON" || code == "IX-BOM";  // documented as a group
    EXPECT_TRUE(json_word || page.find("`" + code + "`") != std::string::npos) << code;
  }
}

/// Everything that the tests say, in one text.
std::string all_tests() {
  std::string text;
  for (const auto& file : std::filesystem::recursive_directory_iterator(source_dir() / "tests")) {
    if (file.path().extension() == ".cpp" || file.path().extension() == ".py") text += read_file(file.path());
  }
  return text;
}

TEST(Codes, EveryCodeOfTheSourcesIsExpectedByATest) {
  const std::string tests = all_tests();
  for (const std::string& code : codes_in_sources()) {
    // Behind the check of the grammar: only a disagreement of two JSON readers could lead to these.
    if (code == "ST-JSON" || code == "IX-JSON") continue;
    const bool named = tests.find('"' + code + '"') != std::string::npos || tests.find("note:" + code + '"') != std::string::npos;
    EXPECT_TRUE(named) << code;
  }
}

TEST(Codes, ST_ESCAPE) {
  const auto opened = open_bytes(safetensors(R"({"a\q":1})"));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "ST-ESCAPE");
  EXPECT_NE(opened.error().message.find("at byte 12"), std::string::npos) << opened.error();
}

TEST(Codes, ZP_ENTRY) {
  std::string bytes = valid_torch_zip();
  ASSERT_TRUE(open_bytes(bytes));
  bytes[bytes.find("PK\1\2") + 3] = 'x';
  EXPECT_EQ(open_bytes(bytes).error().code, "ZP-ENTRY");
}

TEST(Codes, IX_DATA) {
  TempDir dir;
  const auto path = dir.write("m.safetensors", safetensors("{" + entry("t", "U8", "[2]", 0, 2) + "}", "ab"));
  Limits limits;
  limits.data_bytes = 2;
  EXPECT_TRUE(open_checkpoint(path, limits));
  limits.data_bytes = 1;
  EXPECT_EQ(open_checkpoint(path, limits).error().code, "IX-DATA");
}

TEST(Codes, IX_MODEL_INDEX) {
  TempDir dir;
  dir.write("model_index.json", "[]");
  EXPECT_EQ(open_checkpoint(dir.path().string()).error().code, "IX-MODEL-INDEX");
}

TEST(Codes, IX_DUPLICATE) {
  TempDir dir;
  dir.write("model_index.json", R"({"a":["library","Class"],"a.b":["library","Class"]})");
  for (const char* part : {"a", "a.b"}) std::filesystem::create_directory(dir / part);
  dir.write("a/model.safetensors", safetensors("{" + entry("c.w", "U8", "[0]", 0, 0) + "}"));
  dir.write("a.b/model.safetensors", safetensors("{" + entry("w", "U8", "[0]", 0, 0) + "}"));
  EXPECT_TRUE(open_checkpoint(dir.path().string())) << open_checkpoint(dir.path().string()).error();
  dir.write("a/model.safetensors", safetensors("{" + entry("b.w", "U8", "[0]", 0, 0) + "}"));
  const auto opened = open_checkpoint(dir.path().string());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "IX-DUPLICATE");
  EXPECT_NE(opened.error().message.find("tensor \"a.b.w\""), std::string::npos) << opened.error();
}

TEST(Codes, IX_FOLDER) {
  TempDir dir;
  std::filesystem::permissions(dir.path(), std::filesystem::perms::none);
  expect_in_child([&] {
    if (!become_nobody()) return false;
    const auto opened = open_checkpoint(dir.path().string());
    return !opened && opened.error().code == "IX-FOLDER" && opened.error().kind == ErrorKind::kPermission;
  });
  std::filesystem::permissions(dir.path(), std::filesystem::perms::owner_all);
}

TEST(Codes, TS_GGML) {
  std::string gguf = "GGUF" + little(3, 4) + little(1) + little(0) + little(1) + "w" + little(1, 4) + little(32) + little(2, 4) + little(0);
  gguf.resize((gguf.size() + 31) / 32 * 32);
  TempDir dir;
  const auto checkpoint = open_checkpoint(dir.write("m.gguf", gguf + std::string(18, 'q')));
  ASSERT_TRUE(checkpoint) << checkpoint.error();
  const TensorEntry& packed = (*checkpoint)->tensors.at(0);
  std::vector<std::byte> out(packed.bytes);
  EXPECT_EQ(read_tensor(**checkpoint, packed, out).error().code, "TS-GGML");
}

TEST(ReadTensor, ZP_47_GivesABigEndianTensorInTheHostsOrder) {
  auto members = torch_members(program(dict_of(plain_tensor())));
  members[1].content = "big";
  members[2].content = "\x3f\x80\0\0\x40\0\0\0\x40\x40\0\0\x40\x80\0\0"s;
  TempDir dir;
  const auto checkpoint = open_checkpoint(dir.write("m.pt", zip(members)));
  ASSERT_TRUE(checkpoint) << checkpoint.error();
  std::array<float, 4> out{};
  ASSERT_TRUE(read_tensor(**checkpoint, (*checkpoint)->tensors.at(0), std::as_writable_bytes(std::span(out))));
  EXPECT_EQ(out, (std::array<float, 4>{1, 2, 3, 4}));
}

TEST(ReadTensor, ST_089_PK_59_NormalisesBooleans) {
  TempDir dir;
  const auto checkpoint = open_checkpoint(dir.write("m.safetensors", safetensors("{" + entry("t", "BOOL", "[3]", 0, 3) + "}", "\0\2\xff"s)));
  ASSERT_TRUE(checkpoint) << checkpoint.error();
  std::array<std::byte, 3> out{};
  ASSERT_TRUE(read_tensor(**checkpoint, (*checkpoint)->tensors.at(0), out));
  EXPECT_EQ(out, (std::array{std::byte{0}, std::byte{1}, std::byte{1}}));
}

}  // namespace
}  // namespace tenon::test
