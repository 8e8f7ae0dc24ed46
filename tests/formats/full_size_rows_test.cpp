// Limits met at their default values by files of full size, which the other tests meet lowered.
#include <filesystem>
#include <fstream>

#include <tenon/checkpoint.h>

#include "tests/formats/container_rows.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torch_bytes.h"

namespace tenon::test {
namespace {

void expect_limit(const Result<formats::Opened>& opened, const std::string& code, const std::string& found) {
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, code) << opened.error();
  EXPECT_EQ(opened.error().kind, ErrorKind::kLimit);
  EXPECT_NE(opened.error().message.find(found), std::string::npos) << opened.error();
}

/// A sparse archive whose end records speak of this many entries in a directory of this many bytes.
Result<formats::Opened> open_archive(std::uint64_t entries, std::uint64_t directory_bytes) {
  TempDir dir;
  const std::string path = dir.write("m.pt", "PK\3\4");
  constexpr std::uint64_t kDirectory = 4096;
  const std::uint64_t end = kDirectory + directory_bytes;
  const std::string records = "PK\6\6" + little(44) + little(45, 2) + little(45, 2) + little(0, 8) + little(entries) + little(entries) +
                              little(directory_bytes) + little(kDirectory) + "PK\6\7" + little(0, 4) + little(end) + little(1, 4) +
                              "PK\5\6" + little(0, 4) + little(0xffff, 2) + little(0xffff, 2) + little(0xffffffff, 4) +
                              little(0xffffffff, 4) + little(0, 2);
  std::filesystem::resize_file(path, end);
  std::ofstream(path, std::ios::binary | std::ios::app) << records;
  return formats::read_container(**open_file(path), {});
}

std::string zero_tensors(std::size_t count) {
  std::string json = "{";
  for (std::size_t i = 0; i < count; ++i) json += (i == 0 ? "" : ",") + entry("t" + std::to_string(i), "U8", "[0]", 0, 0);
  return safetensors(json + "}");
}

TEST(FullSize, ST_122_ST_123_ThereMayBe262144Tensors) {
  EXPECT_TRUE(open_bytes(zero_tensors(200'000)));
  expect_limit(open_bytes(zero_tensors(300'000)), "ST-TENSORS", "more than 262144 tensors");
}

TEST(FullSize, ZP_57_AMillionEntriesAndOne) { expect_limit(open_archive(1'000'001, 46'000'046), "ZP-ENTRIES", "1000001 entries"); }

TEST(FullSize, ZP_57_ADirectoryOf257Mebibytes) {
  expect_limit(open_archive(1'000, std::uint64_t{257} << 20), "ZP-DIRECTORY-LIMIT", "269484032 bytes");
}

TEST(FullSize, PK_21_EightMillionMemoEntriesAndOne) {
  EXPECT_TRUE(open_bytes(torch_zip(program("}" + repeated("\x94", 8'000'000)))));
  expect_limit(open_bytes(torch_zip(program("}" + repeated("\x94", 8'000'001)))), "PK-MEMO-LIMIT", "more than 8000000 memo entries");
}

TEST(FullSize, PK_71_SixteenMillionOpcodesAndOne) {
  // PROTO, the dict and STOP are three of them.
  EXPECT_TRUE(open_bytes(torch_zip(program(repeated("N0", 7'999'998) + "}"))));
  expect_limit(open_bytes(torch_zip(program(repeated("N0", 7'999'999) + "}"))), "PK-OPCODES", "more than 16000000 opcodes");
}

}  // namespace
}  // namespace tenon::test
