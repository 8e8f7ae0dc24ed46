// Tables LG (legacy stream) and TS (TorchScript and other containers), and GGUF.
#include <filesystem>

#include "tests/formats/container_rows.h"
#include "tests/support/gguf_bytes.h"
#include "tests/support/paths.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torch_bytes.h"

namespace tenon::test {
namespace {

using namespace std::string_literals;

/// A legacy stream, piece by piece.
struct Legacy {
  std::string magic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
  std::string protocol = program("M\xe9\x03");
  std::string system = program("}(" + str("little_endian") + "\x88" + str("type_sizes") + "}u");
  std::string object = program(dict_of(legacy_tensor("N")));
  std::string keys = program("](" + str("0") + "e");
  std::string data = little(4) + std::string(16, 'd');

  static std::string legacy_tensor(const std::string& view_metadata) {
    return tensor("(" + str("storage") + global("torch", "FloatStorage") + str("0") + str("cpu") + num(4) + view_metadata + "tQ",
                  num(0),
                  ints({2, 2}),
                  ints({2, 1}));
  }
  std::string bytes() const { return magic + protocol + system + object + keys + data; }
};

template <class Change>
std::string legacy(Change change) {
  Legacy file;
  change(file);
  return file.bytes();
}

std::vector<ContainerRow> other_rows() {
  return {
    {"LG_02_bit", legacy([](Legacy& l) { l.magic[5] ^= 1; }), "LG-MAGIC", "at byte 0: the first pickle is another number"},
    {"LG_02_length", legacy([](Legacy& l) { l.magic = program(num64(7)); }), "LG-MAGIC", "another number"},
    {"LG_03", legacy([](Legacy& l) { l.protocol = program("M\xea\x03"); }), "LG-PROTOCOL", "at byte 15: protocol 1002", kUnsupported},
    {"LG_03_text", legacy([](Legacy& l) { l.protocol = program(str("x")); }), "LG-PROTOCOL", "no number", kUnsupported},
    {"LG_04", legacy([](Legacy& l) { l.system = program("}(" + str("little_endian") + "\x89" + str("type_sizes") + "}u"); }), "", ""},
    {"LG_05_missing", legacy([](Legacy& l) { l.system = program("}"); }), "note:LG-SYSTEM", ""},
    {"LG_05_list", legacy([](Legacy& l) { l.system = program("]"); }), "note:LG-SYSTEM", ""},
    {"LG_06", legacy([](Legacy& l) { l.magic = program(global("os", "system") + "(" + str("ls") + "tR"); }), "LG-MAGIC", "magic is not a number"},
    {"LG_07_valid", legacy([](Legacy& l) { l.object = program(dict_of(Legacy::legacy_tensor("(" + str("v") + num(0) + num(4) + "t"))); }), "", ""},
    {"LG_07_past", legacy([](Legacy& l) { l.object = program(dict_of(Legacy::legacy_tensor("(" + str("v") + num(1) + num(4) + "t"))); }), "LG-VIEW", "view of 4 elements at 1 of a storage of 4"},
    {"LG_07_negative", legacy([](Legacy& l) { l.object = program(dict_of(Legacy::legacy_tensor("(" + str("v") + num(-1) + num(4) + "t"))); }), "LG-VIEW", "at -1"},
    {"LG_07_part", legacy([](Legacy& l) { l.object = program(dict_of(Legacy::legacy_tensor("(" + str("v") + num(1) + num(2) + "t"))); }), "LG-VIEW-PART", "part of another", kUnsupported},
    {"LG_08_missing", legacy([](Legacy& l) { l.keys = program("]"); l.data = ""; }), "LG-NO-DATA", "storage \"0\" has no data"},
    {"LG_08_extra", legacy([](Legacy& l) { l.keys = program("](" + str("0") + str("9") + "e"); l.data += little(1) + "xxxx"; }), "note:LG-UNUSED", ""},
    {"LG_08_extra_first", legacy([](Legacy& l) { l.keys = program("](" + str("9") + str("0") + "e"); l.data = little(1) + "xxxx" + l.data; }), "LG-EXTRA", "its size is unknown"},
    {"LG_08_twice", legacy([](Legacy& l) { l.keys = program("](" + str("0") + str("0") + "e"); l.data += l.data; }), "LG-KEYS-TWICE", "storage \"0\" listed twice"},
    {"LG_08_type", legacy([](Legacy& l) { l.keys = program("](" + num(0) + "e"); }), "LG-KEYS", "a storage key that is no string"},
    {"LG_08_no_list", legacy([](Legacy& l) { l.keys = program("}"); }), "LG-KEYS", "the storage keys are no list"},
    {"LG_09_other", legacy([](Legacy& l) { l.data = little(5) + std::string(20, 'd'); }), "LG-COUNT", "holds 5 elements, 4 are declared"},
    {"LG_09_negative", legacy([](Legacy& l) { l.data = little(~0ull) + std::string(16, 'd'); }), "LG-COUNT", "holds -1 elements"},
    {"LG_09_huge", legacy([](Legacy& l) { l.data = little(1ull << 63) + std::string(16, 'd'); }), "LG-COUNT", "4 are declared"},
    {"LG_10_cut", legacy([](Legacy& l) { l.data.pop_back(); }), "LG-SHORT", "needs 16 bytes, 15 are left"},
    {"LG_10_no_count", legacy([](Legacy& l) { l.data = "1234"; }), "LG-SHORT", "needs 8 bytes, 4 are left"},
    {"LG_10_more", legacy([](Legacy& l) { l.data += "x"; }), "LG-TRAILING", "1 bytes after the last storage"},
    {"LG_11", legacy([](Legacy& l) { l.keys = "\x80\x02]" + std::string(2'000'000, 'N') + "."; }), "PK-STACK-LIMIT", "values on the stack", ErrorKind::kLimit},
    {"TS_05_onnx", "\x08\x07\x12\x07pytorch\x1a\x03"s + std::string(64, 'x'), "TS-ONNX", "ONNX", kUnsupported},
    {"TS_05_numpy", "\x93NUMPY\1\0"s, "TS-NUMPY", "NumPy", kUnsupported},
    {"TS_05_npz", zip({{.name = "w.npy", .content = "\x93NUMPY"}}), "TS-NPZ", "npz", kUnsupported},
    {"TS_05_export", zip({{.name = "m/archive_format", .content = "pt2"}}), "TS-EXPORT", "torch.export", kUnsupported},
    {"TS_05_keras", zip({{.name = "model.weights.h5", .content = "x"}, {.name = "config.json", .content = "{}"}}), "TS-KERAS", "Keras", kUnsupported},
    {"TS_05_executorch", "\x10\0\0\0ET12"s + std::string(32, '\0'), "TS-EXECUTORCH", "ExecuTorch", kUnsupported},
    {"TS_05_tflite", "\x1c\0\0\0TFL3"s + std::string(32, '\0'), "TS-TFLITE", "TensorFlow Lite", kUnsupported},
    {"TS_06_zip", zip({{.name = "inner.pt", .content = valid_torch_zip()}}), "ZP-NO-PICKLE", "\"inner.pt\""},
    {"TS_06_gzip", "\x1f\x8b\x08\0"s + std::string(32, 'x'), "TS-GZIP", "gzip", kUnsupported},
    {"TS_06_7z", "7z\xbc\xaf\x27\x1c"s + std::string(32, 'x'), "TS-ARCHIVE", "7z", kUnsupported},
    {"TS_PICKLE", program("}" + str("a") + num(1) + "s"), "TS-PICKLE", "a pickle that torch.save did not write", kUnsupported},
    {"TS_TEXT", "dear model, how are you today?\n", "TS-TEXT", "text file", kUnsupported},
    {"TS_ZEROS", std::string(600, '\0'), "TS-ZEROS", "zero bytes", kUnsupported},
    {"TS_UNKNOWN", std::string(64, '\xee'), "TS-UNKNOWN", "no known checkpoint container", kUnsupported},
  };
}

class OtherRows : public ContainerRows {};
TEST_P(OtherRows, HasItsVerdict) { expect_row(GetParam(), Legacy().bytes()); }
INSTANTIATE_TEST_SUITE_P(LG_TS, OtherRows, testing::ValuesIn(other_rows()), row_name);

TEST(LegacyStream, EveryPrefixIsRefused) {
  const std::string valid = Legacy().bytes();
  ASSERT_TRUE(open_bytes(valid));
  for (std::size_t length = 0; length < valid.size(); ++length) EXPECT_FALSE(open_bytes(valid.substr(0, length))) << length;
}

TEST(LegacyStream, LG_08_TheOrderOfTheKeysDecidesWhereTheDataIs) {
  const auto other = [](const std::string& key) {
    return tensor("(" + str("storage") + global("torch", "FloatStorage") + str(key) + str("cpu") + num(1) + "NtQ", num(0), ints({1}), ints({1}));
  };
  Legacy file;
  file.object = program("}" + str("a") + other("0") + "s" + str("b") + other("1") + "s");
  file.keys = program("](" + str("1") + str("0") + "e");
  file.data = little(1) + "bbbb" + little(1) + "aaaa";
  const std::string bytes = file.bytes();
  const auto opened = open_bytes(bytes);
  ASSERT_TRUE(opened) << opened.error();
  for (const TensorEntry& entry : opened->listing.tensors) EXPECT_EQ(bytes.substr(entry.offset, 4), std::string(4, entry.name[0]));
}

TEST(TorchScript, TS_01_TheArchiveIsReadAsWeightsAndSaysSo) {
  const auto opened = open_bytes(read_file(source_dir() / "tests/data/torch/script.pt"));
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_EQ(opened->container, Container::kTorchScript);
  EXPECT_TRUE(has_note(*opened, "TS-SCRIPT"));
}

template <class Change>
std::string gguf(Change change) {
  Gguf file;
  change(file);
  return file.bytes();
}

std::vector<ContainerRow> gguf_rows() {
  return {
    {"GG_version", gguf([](Gguf& g) { g.version = 1; }), "GG-VERSION", "version 1", kUnsupported},
    {"GG_count", gguf([](Gguf& g) { g.tensors = ~0ull; }), "GG-LIMIT", "18446744073709551615 tensors", ErrorKind::kLimit},
    {"GG_short", Gguf().bytes().substr(0, 30), "GG-SHORT", "bytes needed"},
    {"GG_string", gguf([](Gguf& g) { g.value = little(~0ull); }), "GG-NAME-LIMIT", "a key of 18446744073709551615 bytes", ErrorKind::kLimit},
    {"GG_type", gguf([](Gguf& g) { g.value = Gguf::text("k") + little(13, 4); }), "GG-TYPE", "value type 13"},
    {"GG_array", gguf([](Gguf& g) { g.value = Gguf::text("k") + little(9, 4) + little(0, 4) + little(~0ull); }), "GG-SHORT", "at byte"},
    {"GG_nested", gguf([](Gguf& g) { g.value = Gguf::text("k") + little(9, 4) + little(9, 4) + little(1); }), "GG-TYPE", "an array of type 9"},
    {"GG_duplicate", gguf([](Gguf& g) { g.values = 2; g.value += g.value; }), "GG-DUPLICATE", "duplicate key \"general.name\""},
    {"GG_name", gguf([](Gguf& g) { g.value = Gguf::text("a\xff") + little(8, 4) + Gguf::text("m"); }), "GG-NAME", "a key that is no text"},
    {"GG_rank", gguf([](Gguf& g) { g.dims = little(65, 4); }), "GG-RANK", "rank 65", ErrorKind::kLimit},
    {"GG_shape", gguf([](Gguf& g) { g.dims = little(2, 4) + little(1ull << 62) + little(4); }), "GG-SHAPE", "F32 of shape"},
    {"GG_block", gguf([](Gguf& g) { g.type = 2; g.dims = little(1, 4) + little(33); }), "GG-SHAPE", "whole blocks of 32"},
    {"GG_tensor_type", gguf([](Gguf& g) { g.type = 99; }), "GG-TYPE", "GGML type 99", kUnsupported},
    {"GG_offset", gguf([](Gguf& g) { g.offset = 32; }), "GG-OFFSET", "tensor \"w\": 512 bytes at data offset 32"},
    {"GG_unaligned", gguf([](Gguf& g) { g.offset = 1; }), "GG-OFFSET", "data offset 1"},
    {"GG_alignment", gguf([](Gguf& g) { g.value = Gguf::text("general.alignment") + little(4, 4) + little(3, 4); }), "GG-ALIGNMENT", "alignment 3"},
  };
}

class GgufRows : public ContainerRows {};
TEST_P(GgufRows, HasItsVerdict) { expect_row(GetParam(), Gguf().bytes()); }
INSTANTIATE_TEST_SUITE_P(GG, GgufRows, testing::ValuesIn(gguf_rows()), row_name);

TEST(Gguf, RefusesTensorsThatOverlap) {
  const auto file = [](std::uint64_t second) {
    std::string out = "GGUF" + little(3, 4) + little(2) + little(0);
    out += Gguf::text("a") + little(1, 4) + little(16) + little(0, 4) + little(0);
    out += Gguf::text("b") + little(1, 4) + little(16) + little(0, 4) + little(second);
    out.resize((out.size() + 31) / 32 * 32);
    return out + std::string(128, 'd');
  };
  EXPECT_TRUE(open_bytes(file(64)));
  const auto opened = open_bytes(file(32));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "GG-OVERLAP");
  EXPECT_NE(opened.error().message.find("tensor \"b\""), std::string::npos) << opened.error();
}

TEST(Gguf, ListsNamesTypesShapesAndMetadata) {
  const auto plain = open_bytes(Gguf().bytes());
  ASSERT_TRUE(plain) << plain.error();
  EXPECT_EQ(plain->container, Container::kGguf);
  EXPECT_EQ(plain->listing.metadata.at("general.name"), "m");
  EXPECT_EQ(plain->listing.tensors.at(0).shape, (Shape{2, 64}));
  EXPECT_EQ(plain->listing.tensors.at(0).dtype, DType::kF32);
  const auto packed = open_bytes(gguf([](Gguf& g) { g.type = 2; }));
  ASSERT_TRUE(packed) << packed.error();
  EXPECT_EQ(packed->listing.tensors.at(0).foreign_type, "Q4_0");
  EXPECT_EQ(packed->listing.tensors.at(0).bytes, 128u / 32 * 18);
}

}  // namespace
}  // namespace tenon::test
