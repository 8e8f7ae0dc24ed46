// Table IX: sharded indexes.
#include <array>
#include <filesystem>

#include <sys/stat.h>

#include <gtest/gtest.h>

#include <tenon/checkpoint.h>

#include "tests/support/safetensors_bytes.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torch_bytes.h"

namespace tenon {
namespace {

using namespace std::string_literals;
using test::entry;
using test::safetensors;
using test::TempDir;

constexpr const char* kIndexName = "model.safetensors.index.json";
constexpr const char* kFirst = "model-00001-of-00002.safetensors";
constexpr const char* kSecond = "model-00002-of-00002.safetensors";

std::string shard(const std::string& name) { return safetensors("{" + entry(name, "U8", "[2]", 0, 2) + "}", "ab"); }

std::string index_of(const std::string& map, const std::string& metadata = R"({"total_size":4})") {
  return R"({"metadata":)" + metadata + R"(,"weight_map":)" + map + "}";
}
const std::string kMap = R"({"a":")"s + kFirst + R"(","b":")" + kSecond + "\"}";

/// A sound sharded checkpoint that a case spoils.
class Shards : public testing::Test {
 protected:
  Shards() {
    dir_.write(kFirst, shard("a"));
    dir_.write(kSecond, shard("b"));
    dir_.write(kIndexName, index_of(kMap));
  }

  std::string index() const { return dir_ / kIndexName; }
  Result<std::shared_ptr<const Checkpoint>> open(const Limits& limits = {}) const { return open_checkpoint(index(), limits); }

  /// The sound checkpoint opens; with `text` for an index it is refused.
  void expect_refused(const std::string& text,
                      const std::string& code,
                      const std::string& place,
                      ErrorKind kind = ErrorKind::kMalformed,
                      const Limits& limits = {}) {
    dir_.write(kIndexName, index_of(kMap));
    ASSERT_TRUE(open()) << open().error();
    dir_.write(kIndexName, text);
    expect_error(code, place, kind, limits);
  }

  void expect_error(const std::string& code, const std::string& place, ErrorKind kind, const Limits& limits = {}) const {
    const auto checkpoint = open(limits);
    ASSERT_FALSE(checkpoint) << "accepted; wanted " << code;
    EXPECT_EQ(checkpoint.error().code, code) << checkpoint.error();
    EXPECT_EQ(static_cast<int>(checkpoint.error().kind), static_cast<int>(kind)) << checkpoint.error();
    EXPECT_NE(checkpoint.error().message.find(place), std::string::npos) << checkpoint.error() << "\nlacks " << place;
  }

  void expect_note(const std::string& code) const {
    const auto checkpoint = open();
    ASSERT_TRUE(checkpoint) << checkpoint.error();
    bool found = false;
    for (const auto& note : (*checkpoint)->notes) found = found || note.code == code;
    EXPECT_TRUE(found) << code;
  }

  void expect_name_refused(const std::string& name, const std::string& code) {
    expect_refused(index_of(R"({"a":")" + name + "\"}"), code, "tensor \"a\": at byte", ErrorKind::kUnsafe);
  }

  TempDir dir_;
};

TEST_F(Shards, AreOneCheckpoint) {
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error();
  EXPECT_EQ((*checkpoint)->container, Container::kIndex);
  ASSERT_EQ((*checkpoint)->tensors.size(), 2u);
  EXPECT_NE((*checkpoint)->tensors[0].file, (*checkpoint)->tensors[1].file);
  EXPECT_NE((*checkpoint)->tensors[0].storage, (*checkpoint)->tensors[1].storage);
  EXPECT_TRUE((*checkpoint)->notes.empty());
}

TEST_F(Shards, IX_01_LeaveNoDirectory) { expect_name_refused("../x.safetensors", "IX-OUTSIDE"); }
TEST_F(Shards, IX_02_AreNotAbsolute) { expect_name_refused("/x.safetensors", "IX-ABSOLUTE"); }
TEST_F(Shards, IX_03_LeaveNoDirectoryByADetour) { expect_name_refused("a/../../x", "IX-OUTSIDE"); }
TEST_F(Shards, IX_04_LieBesideTheIndex) { expect_name_refused("sub/x.safetensors", "IX-SEPARATOR"); }
TEST_F(Shards, IX_05_AreNoForeignPaths) {
  for (const char* name : {R"(a\\b)", "C:x", "file://x", "https://x/y"}) expect_name_refused(name, "IX-FOREIGN");
}
TEST_F(Shards, IX_06_HaveFileNames) {
  for (const char* name : {"", ".", "..", "x ", "x."}) expect_name_refused(name, "IX-NAME");
}
TEST_F(Shards, IX_07_HaveNoControlCharacters) {
  expect_name_refused(R"(a\u0000b)", "IX-CONTROL");
  expect_name_refused(R"(a\nb)", "IX-CONTROL");
}
TEST_F(Shards, IX_08_TheIndexIsUtf8) { expect_refused(index_of("{\"\xff\":\"x\"}"), "IX-UTF8", "invalid UTF-8"); }
TEST_F(Shards, IX_09_AreAllThere) {
  ASSERT_TRUE(open());
  std::filesystem::remove(dir_ / kSecond);
  expect_error("IX-MISSING-SHARD", "shard 2 of 2 \""s + kSecond + "\" not found", ErrorKind::kNotFound);
}
TEST_F(Shards, IX_09_ThatAreMissingAreAllNamed) {
  ASSERT_TRUE(open());
  std::filesystem::remove(dir_ / kFirst);
  std::filesystem::remove(dir_ / kSecond);
  expect_error("IX-MISSING-SHARD", "shard 1 of 2 \""s + kFirst + "\" not found, and 1 more", ErrorKind::kNotFound);
}
TEST_F(Shards, IX_09_ThatAreMissingBesideAnotherCompleteSetMakeTheIndexStale) {
  ASSERT_TRUE(open());
  std::filesystem::remove(dir_ / kFirst);
  std::filesystem::remove(dir_ / kSecond);
  dir_.write("model-00001-of-00001.safetensors", "weights of another split");
  expect_error("IX-STALE", "model-00001-of-00001.safetensors", ErrorKind::kNotFound);
}
TEST_F(Shards, IX_09_ThatAreMissingAreNamedBeforeOneIsRead) {
  ASSERT_TRUE(open());
  dir_.write(kFirst, "no weights");
  std::filesystem::remove(dir_ / kSecond);
  expect_error("IX-MISSING-SHARD", kSecond, ErrorKind::kNotFound);
}
TEST_F(Shards, IX_10_AreRegularFiles) {
  ASSERT_TRUE(open());
  std::filesystem::remove(dir_ / kSecond);
  ASSERT_EQ(::mkfifo((dir_ / kSecond).c_str(), 0600), 0);
  expect_error("IO-NOTAFILE", kSecond, ErrorKind::kNotAFile);
  std::filesystem::remove(dir_ / kSecond);
  std::filesystem::create_directory(dir_ / kSecond);
  expect_error("IO-NOTAFILE", kSecond, ErrorKind::kNotAFile);
}
TEST_F(Shards, IX_10_AreNotEmpty) {
  ASSERT_TRUE(open());
  dir_.write(kSecond, "");
  expect_error("ST-SHORT", kSecond, ErrorKind::kMalformed);
}
TEST_F(Shards, IX_11_MayBeLinksIntoABlobFolder) {
  dir_.write("blobs/0123", shard("b"));
  std::filesystem::remove(dir_ / kSecond);
  std::filesystem::create_symlink("blobs/0123", dir_ / kSecond);
  EXPECT_TRUE(open()) << open().error();
}
TEST_F(Shards, IX_13_HoldWhatTheIndexSays) {
  ASSERT_TRUE(open());
  dir_.write(kSecond, shard("c"));
  expect_error("IX-NOT-IN-SHARD", "tensor \"b\": the index puts it in \""s + kSecond, ErrorKind::kMalformed);
}
TEST_F(Shards, IX_14_MayHoldMore) {
  dir_.write(kSecond, safetensors("{" + entry("b", "U8", "[2]", 0, 2) + "," + entry("c", "U8", "[0]", 2, 2) + "}", "ab"));
  expect_note("IX-NOT-IN-INDEX");
}
TEST_F(Shards, IX_15_HoldATensorOnce) {
  ASSERT_TRUE(open());
  dir_.write(kSecond, safetensors("{" + entry("b", "U8", "[2]", 0, 2) + "," + entry("a", "U8", "[0]", 2, 2) + "}", "ab"));
  expect_error("IX-TWO-SHARDS", "tensor \"a\": is in shards", ErrorKind::kMalformed);
}
TEST_F(Shards, IX_16_AreNamedOncePerTensor) {
  expect_refused(index_of(R"({"a":")"s + kFirst + R"(","\u0061":")" + kSecond + "\"}"), "IX-DUPLICATE-NAME", "tensor \"a\"");
}
TEST_F(Shards, IX_17_AreNamedByAMap) {
  expect_refused("{}", "IX-NO-MAP", "no \"weight_map\"");
  expect_refused(index_of("[]"), "IX-NO-MAP", "no object");
  expect_refused(index_of("null"), "IX-NO-MAP", "no object");
  expect_refused(index_of("{}"), "IX-NO-MAP", "an empty \"weight_map\"");
  expect_refused(index_of(R"({"a":1})"), "IX-NO-MAP", "tensor \"a\"");
}
TEST_F(Shards, IX_18_MayDifferFromTheTotalSize) {
  for (const char* total : {"12", "-1", "\"4\"", "18446744073709551616", "4.5"}) {
    dir_.write(kIndexName, index_of(kMap, R"({"total_size":)"s + total + "}"));
    expect_note("IX-TOTAL-SIZE");
  }
}
TEST_F(Shards, IX_19_AreLimited) {
  Limits limits;
  limits.index_bytes = 20;
  expect_refused(index_of(kMap), "IX-SIZE", "the limit is 20", ErrorKind::kLimit, limits);
  limits = {};
  limits.shards = 1;
  expect_refused(index_of(kMap), "IX-SHARDS", "more than 1 shards", ErrorKind::kLimit, limits);
  limits = {};
  limits.tensors = 1;
  expect_refused(index_of(kMap), "IX-TENSORS", "more than 1 tensors", ErrorKind::kLimit, limits);
  std::string deep = index_of(kMap);
  deep.insert(1, "\"x\":" + std::string(200, '[') + std::string(200, ']') + ",");
  expect_refused(deep, "IX-DEPTH", "nesting over 127", ErrorKind::kLimit);
}
TEST_F(Shards, IX_20_GiveWayToASingleFile) {
  dir_.write("model.safetensors", shard("single"));
  const auto checkpoint = open_checkpoint(dir_.path().string());
  ASSERT_TRUE(checkpoint) << checkpoint.error();
  EXPECT_NE((*checkpoint)->find("single"), nullptr);
}
TEST_F(Shards, IX_21_AreKnownByTheirBytes) {
  dir_.write(kIndexName, index_of(R"({"w":"weights.bin"})", R"({"total_size":16})"));
  dir_.write("weights.bin", test::valid_torch_zip());
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error();
  EXPECT_EQ((*checkpoint)->files.at(0).container, Container::kTorchZip);
}
TEST_F(Shards, IX_22_MayDifferOnlyInCase) {
  dir_.write("S.safetensors", shard("a"));
  dir_.write("s.safetensors", shard("b"));
  dir_.write(kIndexName, index_of(R"({"a":"S.safetensors","b":"s.safetensors"})"));
  EXPECT_TRUE(open()) << open().error();
}
TEST_F(Shards, IX_23_StayTheFilesThatWereChecked) {
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error();
  std::filesystem::rename(dir_.write("other", safetensors("{" + entry("b", "U8", "[2]", 0, 2) + "}", "zz")), dir_ / kSecond);
  std::array<std::byte, 2> out{};
  ASSERT_TRUE(read_tensor(**checkpoint, *(*checkpoint)->find("b"), out));
  EXPECT_EQ(out, (std::array{std::byte{'a'}, std::byte{'b'}}));
}
TEST_F(Shards, IX_23_AreKnownToHaveBeenRewritten) {
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error();
  for (const CheckpointFile& file : (*checkpoint)->files) EXPECT_TRUE(file.source->unchanged());
  dir_.write(kSecond, shard("b") + "x");
  const auto changed = (*checkpoint)->files[(*checkpoint)->find("b")->file].source->unchanged();
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, "IO-CHANGED");
}
TEST_F(Shards, IX_24_AreNotIndexes) {
  expect_refused(index_of(R"({"a":")"s + kIndexName + "\"}"), "IX-NESTED", "is JSON, not weights");
}
TEST_F(Shards, IX_25_TheIndexIsStrictJson) {
  expect_refused("\xef\xbb\xbf" + index_of(kMap), "IX-BOM", "at byte 0: byte-order mark");
  expect_refused(index_of(R"({"a":"x",})"), "IX-COMMA", "trailing comma");
}
TEST_F(Shards, TheIndexHasOneMap) {
  expect_refused(R"({"weight_map":)" + kMap + R"(,"weight_map":)" + kMap + "}", "IX-DUPLICATE-KEY", "second \"weight_map\"");
}
TEST_F(Shards, IX_26_MayBeMany) {
  std::string map = "{";
  for (int s = 0; s < 282; ++s) {
    std::string json = "{";
    const std::string name = "s" + std::to_string(s) + ".safetensors";
    for (int t = 0; t < 852; ++t) {
      const std::string tensor = "t" + std::to_string(s) + "." + std::to_string(t);
      json += (t == 0 ? "" : ",") + entry(tensor, "U8", "[0]", 0, 0);
      map += (map.size() == 1 ? "\"" : ",\"") + tensor + "\":\"" + name + "\"";
    }
    dir_.write(name, safetensors(json + "}"));
  }
  dir_.write(kIndexName, index_of(map + "}"));
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error();
  EXPECT_EQ((*checkpoint)->tensors.size(), 282u * 852u);
}
TEST_F(Shards, IX_27_TheBrokenOneIsNamed) {
  ASSERT_TRUE(open());
  dir_.write(kSecond, shard("b") + "x");
  expect_error("ST-TRAILING", kSecond, ErrorKind::kMalformed);
}
TEST_F(Shards, AnExtraOneBesideThemIsNoted) {
  dir_.write("model-00003-of-00002.safetensors", shard("z"));
  expect_note("IX-EXTRA-SHARD");
}

// The same of shards that torch.save wrote.
class BinShards : public testing::Test {
 protected:
  BinShards() {
    dir_.write("pytorch_model-00001-of-00002.bin", zip_of("a"));
    dir_.write("pytorch_model-00002-of-00002.bin", zip_of("b"));
    dir_.write("pytorch_model.bin.index.json",
               index_of(R"({"a":"pytorch_model-00001-of-00002.bin","b":"pytorch_model-00002-of-00002.bin"})", R"({"total_size":32})"));
  }

  static std::string zip_of(const std::string& name) {
    return test::torch_zip(test::program("}" + test::str(name) + test::plain_tensor() + "s"));
  }

  Result<std::shared_ptr<const Checkpoint>> open() const { return open_checkpoint(dir_.path().string()); }

  void expect_error(const std::string& code, const std::string& place) const {
    const auto checkpoint = open();
    ASSERT_FALSE(checkpoint) << "accepted; wanted " << code;
    EXPECT_EQ(checkpoint.error().code, code) << checkpoint.error();
    EXPECT_NE(checkpoint.error().message.find(place), std::string::npos) << checkpoint.error();
  }

  TempDir dir_;
};

TEST_F(BinShards, AreOneCheckpoint) {
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error();
  EXPECT_EQ((*checkpoint)->tensors.size(), 2u);
  EXPECT_TRUE((*checkpoint)->notes.empty());
}
TEST_F(BinShards, AreAllThere) {
  ASSERT_TRUE(open());
  std::filesystem::remove(dir_ / "pytorch_model-00001-of-00002.bin");
  expect_error("IX-MISSING-SHARD", "shard 1 of 2 \"pytorch_model-00001-of-00002.bin\" not found");
}
TEST_F(BinShards, HoldATensorOnce) {
  ASSERT_TRUE(open());
  dir_.write("pytorch_model-00002-of-00002.bin",
             test::torch_zip(test::program("}(" + test::str("a") + test::plain_tensor() + test::str("b") + test::plain_tensor() + "u")));
  expect_error("IX-TWO-SHARDS", "tensor \"a\": is in shards");
}
TEST_F(BinShards, HoldWhatTheIndexSays) {
  ASSERT_TRUE(open());
  dir_.write("pytorch_model-00002-of-00002.bin", zip_of("c"));
  expect_error("IX-NOT-IN-SHARD", "tensor \"b\"");
}
TEST_F(BinShards, MayBeFewerThanTheFolderHolds) {
  dir_.write("pytorch_model-00003-of-00002.bin", zip_of("c"));
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error();
  ASSERT_EQ((*checkpoint)->notes.size(), 1u);
  EXPECT_EQ((*checkpoint)->notes[0].code, "IX-EXTRA-SHARD");
  EXPECT_NE((*checkpoint)->notes[0].message.find("pytorch_model-00003-of-00002.bin"), std::string::npos);
}

}  // namespace
}  // namespace tenon
