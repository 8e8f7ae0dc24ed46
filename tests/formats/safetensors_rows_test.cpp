// Table ST: the safetensors container.
#include <span>

#include <tenon/checkpoint.h>

#include "tests/formats/container_rows.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/temp_dir.h"

namespace tenon::test {
namespace {

using namespace std::string_literals;

const std::string kU8 = entry("t", "U8", "[1]", 0, 1);

/// One tensor of one byte, whose header is `json`.
std::string with_byte(const std::string& json) { return safetensors(json, "x"); }
/// A header entry with a free-form body.
std::string body(const std::string& members) { return with_byte(R"({"t":{)" + members + "}}"); }
std::string shape(const std::string& text) { return body(R"("dtype":"U8","shape":)" + text + R"(,"data_offsets":[0,1])"); }
std::string offsets(const std::string& text) { return body(R"("dtype":"U8","shape":[1],"data_offsets":)" + text); }
std::string dtype(const std::string& text) { return body(R"("dtype":)" + text + R"(,"shape":[1],"data_offsets":[0,1])"); }
std::string two(const std::string& a, const std::string& b, const std::string& data) {
  return safetensors("{" + a + "," + b + "}", data);
}
std::string shared_range(std::size_t count) {
  std::string json = "{";
  for (std::size_t i = 0; i < count; ++i) json += (i == 0 ? "" : ",") + entry("t" + std::to_string(i), "U8", "[160]", 0, 160);
  return safetensors(json + "}", std::string(160, 'x'));
}
std::string sums_near_2_64() {
  std::string json = "{";
  constexpr std::uint64_t kEach = (std::uint64_t{1} << 61) - 1;
  for (int i = 0; i < 8; ++i) {
    json += (i == 0 ? "" : ",") + entry("t" + std::to_string(i), "U8", "[" + std::to_string(kEach) + "]", 0, kEach);
  }
  return safetensors(json + "}");
}
std::string dims(std::size_t rank) {
  std::string text = "[1";
  for (std::size_t i = 1; i < rank; ++i) text += ",1";
  return text + "]";
}

Limits at_most_two_tensors() {
  Limits limits;
  limits.tensors_per_file = 2;
  return limits;
}

std::vector<ContainerRow> safetensors_rows() {
  std::vector<ContainerRow> rows = {
    {"ST_001", "", "ST-SHORT", "0 bytes"},
    {"ST_002", "\2\0\0\0\0\0\0"s, "ST-SHORT", "7 bytes"},
    {"ST_003", little(60), "ST-HEADER-LENGTH", "header length 60, 0 bytes follow"},
    {"ST_004", little(0), "ST-HEADER-EMPTY", "header length 0"},
    {"ST_005", little(1) + "{", "ST-JSON-END", "at byte 9: the JSON ends inside an object"},
    {"ST_006", safetensors("{}"), "", ""},
    {"ST_007", little(1000) + std::string(84, ' '), "ST-HEADER-LENGTH", "header length 1000, 84 bytes follow"},
    {"ST_008", little(~0ull) + "{}", "ST-HEADER-LIMIT", "header length 18446744073709551615", kLimit},
    {"ST_009", little(0xfffffffffffffff8) + "{}", "ST-HEADER-LIMIT", "18446744073709551608", kLimit},
    {"ST_010", "\x3c\0\0\0\0\xff\xff\xff{}"s, "ST-HEADER-LIMIT", "header length", kLimit},
    {"ST_013", little(100'000'000) + "{}", "ST-HEADER-LENGTH", "header length 100000000, 2 bytes follow"},
    {"ST_014", little(kU8.size() + 1) + "{" + kU8 + "}x", "ST-JSON-END", "the JSON ends inside an object"},
    {"ST_015", little(6) + "{}    ", "", ""},
    {"ST_016", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "ST-LFS", "Git LFS pointer", kUnsupported},
    {"ST_017", "<!DOCTYPE html><html></html>", "ST-HTML", "HTML page", kUnsupported},
    {"ST_018_gzip", "\x1f\x8b\x08\0\0\0\0\0\0\0\0\0"s, "TS-GZIP", "gzip", kUnsupported},
    {"ST_018_hdf5", "\x89HDF\r\n\x1a\n\0\0\0\0"s, "TS-HDF5", "HDF5", kUnsupported},
    {"ST_018_msgpack", "\x82\xa6params\x81\xa4head\x81\xa6kernel\xc7\x10"s, "TS-MSGPACK", "MessagePack", kUnsupported},
    {"ST_019", with_byte("{" + kU8 + repeated(" ", (8 - (kU8.size() + 2) % 8) + 7) + "}"), "", ""},
    {"ST_020", little(1) + "\xff", "ST-UTF8", "at byte 8: invalid UTF-8"},
    {"ST_021", with_byte("{\"\xff\xfe\":1}"), "ST-UTF8", "at byte 10: invalid UTF-8"},
    {"ST_022", with_byte("{\"\xc0\x80\":1}"), "ST-UTF8", "at byte 10: invalid UTF-8"},
    {"ST_023", with_byte("{\"\xed\xa0\x80\":1}"), "ST-UTF8", "at byte 10: invalid UTF-8"},
    {"ST_024", safetensors("\xef\xbb\xbf{}"), "ST-BOM", "at byte 8: byte-order mark"},
    {"ST_025", with_byte("{" + kU8 + "} \n\t\r"), "", ""},
    {"ST_026", with_byte("  \n{" + kU8 + "}"), "note:ST-LEADING-SPACE", ""},
    {"ST_027", safetensors("{}\0\0\0\0\0\0"s), "ST-TRAILING-JSON", "at byte 10: NUL after the JSON value"},
    {"ST_028", safetensors("{}x"), "ST-TRAILING-JSON", "at byte 10: \"x\" after"},
    {"ST_029", safetensors("{}{}"), "ST-TRAILING-JSON", "at byte 10: \"{\" after"},
    {"ST_030", with_byte("{" + kU8 + ",}"), "ST-COMMA", "trailing comma"},
    {"ST_031", safetensors("{/*x*/}"), "ST-KEY", "at byte 9: \"/\" begins a key"},
    {"ST_032", safetensors("{'t':1}"), "ST-KEY", "at byte 9"},
    {"ST_033", safetensors("[]"), "ST-NOT-OBJECT", "the header is an array"},
    {"ST_034_null", safetensors("null"), "ST-NOT-OBJECT", "the header is null"},
    {"ST_034_string", safetensors("\"a\""), "ST-NOT-OBJECT", "the header is a string"},
    {"ST_034_number", safetensors("12345"), "ST-NOT-OBJECT", "the header is a number"},
    {"ST_035", with_byte("{" + kU8), "ST-JSON-END", "the JSON ends inside an object"},
    {"ST_036", with_byte("{\"a\nb\":1}"), "ST-CONTROL", "at byte 11: control character"},
    {"ST_037", with_byte(R"({"\ud800":1})"), "ST-SURROGATE", "at byte 10: lone surrogate"},
    {"ST_037_low", with_byte(R"({"\udc00":1})"), "ST-SURROGATE", "at byte 10: lone surrogate"},
    {"ST_038", with_byte("{" + entry("\\u0074", "U8", "[1]", 0, 1) + "}"), "", ""},
    {"ST_039", with_byte("{" + entry("\\ud83d\\ude00", "U8", "[1]", 0, 1) + "}"), "", ""},
    {"ST_040", [] { return safetensors("{\"t\":" + repeated("[", 100'000)); }, "ST-DEPTH", "nesting over 127", kLimit},
    {"ST_041", [] { return safetensors(repeated("{\"a\":", 100'000)); }, "ST-DEPTH", "nesting over 127", kLimit},
    {"ST_042",
     body(R"("dtype":"U8","shape":[1],"data_offsets":[0,1],"x":)" + repeated("[", 60) + repeated("]", 60)),
     "note:ST-MEMBER",
     ""},
    {"ST_043",
     body(R"("dtype":"U8","shape":[1],"data_offsets":[0,1],"x":)" + repeated("[", 200) + repeated("]", 200)),
     "ST-DEPTH",
     "nesting over 127",
     kLimit},
    {"ST_044", with_byte("{" + entry("", "U8", "[1]", 0, 1) + "}"), "note:ST-NAME-EMPTY", ""},
    {"ST_045", with_byte("{" + entry("a\\u0000b", "U8", "[1]", 0, 1) + "}"), "ST-NAME-NUL", "at byte 9: NUL in the tensor name \"a\\x00b\""},
    {"ST_046", [] { return with_byte("{" + entry(std::string(1'000'000, 'n'), "U8", "[1]", 0, 1) + "}"); }, "ST-NAME-LIMIT", "name of 1000000 bytes", kLimit},
    {"ST_047", with_byte("{" + entry("../../x", "U8", "[1]", 0, 1) + "}"), "", ""},
    {"ST_048", with_byte(R"({"__METADATA__":{"a":"b"}})"), "ST-NO-DTYPE", "tensor \"__METADATA__\""},
    // Names are bytes: two spellings of one text are two names, as they are to every other reader.
    {"ST_049", two(entry("\xc3\xa9", "U8", "[1]", 0, 1), entry("e\xcc\x81", "U8", "[1]", 1, 2), "xx"), "", ""},
    {"ST_050", with_byte("{" + kU8 + "," + kU8 + "}"), "ST-DUPLICATE", "tensor \"t\": duplicate"},
    {"ST_051", two(kU8, entry("t", "I8", "[1]", 0, 1), "x"), "ST-DUPLICATE", "tensor \"t\": duplicate"},
    {"ST_052", two(kU8, entry("\\u0074", "U8", "[1]", 0, 1), "x"), "ST-DUPLICATE", "tensor \"t\": duplicate"},
    {"ST_053", two(kU8, entry("t", "U8", "[1]", 1, 2), "xx"), "ST-DUPLICATE", "tensor \"t\": duplicate"},
    {"ST_054", with_byte(R"({"__metadata__":{},"__metadata__":{},)" + kU8 + "}"), "ST-DUPLICATE-KEY", "at byte 27: second \"__metadata__\""},
    {"ST_055", with_byte(R"({"__metadata__":{"a":"b","a":"c"},)" + kU8 + "}"), "ST-DUPLICATE-KEY", "duplicate metadata key \"a\""},
    {"ST_056", body(R"("dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1])"), "ST-DUPLICATE-KEY", "tensor \"t\": at byte 27: duplicate member \"dtype\""},
    {"ST_057", body(R"("dtype":"U8","shape":[1],"data_offsets":[0,1],"strides":[1])"), "note:ST-MEMBER", ""},
    {"ST_058", body(R"("shape":[1],"data_offsets":[0,1])"), "ST-NO-DTYPE", "tensor \"t\": at byte 9"},
    {"ST_059", body(R"("dtype":"U8","data_offsets":[0,1])"), "ST-NO-SHAPE", "tensor \"t\": at byte 9"},
    {"ST_060", body(R"("dtype":"U8","shape":[1])"), "ST-NO-OFFSETS", "tensor \"t\": at byte 9"},
    {"ST_061", with_byte(R"({"t":["U8",[1],[0,1]]})"), "ST-ENTRY", "at byte 13: the entry is an array"},
    {"ST_062", dtype(R"({"U8":null})"), "ST-DTYPE-TYPE", "dtype is an object"},
    {"ST_063", dtype("4"), "ST-DTYPE-TYPE", "dtype is a number"},
    {"ST_064_null", with_byte(R"({"t":null})"), "ST-ENTRY", "the entry is null"},
    {"ST_064_string", with_byte(R"({"t":"x"})"), "ST-ENTRY", "the entry is a string"},
    {"ST_065_null", shape("null"), "ST-SHAPE-TYPE", "null instead of an array"},
    {"ST_065_object", shape(R"({"0":1})"), "ST-SHAPE-TYPE", "an object instead of an array"},
    {"ST_065_strings", shape(R"(["1"])"), "ST-SHAPE-TYPE", "a string among the integers"},
    {"ST_066", offsets(R"({"a":0})"), "ST-OFFSETS-TYPE", "an object instead of an array"},
    {"ST_067_one", offsets("[0]"), "ST-OFFSETS-TYPE", "1 data_offsets"},
    {"ST_067_three", offsets("[0,1,2]"), "ST-OFFSETS-TYPE", "3 data_offsets"},
    {"ST_068", with_byte(R"({"__metadata__":null,)" + kU8 + "}"), "note:ST-METADATA-NULL", ""},
    {"ST_069_list", with_byte(R"({"__metadata__":[],)" + kU8 + "}"), "ST-METADATA", "is an array"},
    {"ST_069_string", with_byte(R"({"__metadata__":"x",)" + kU8 + "}"), "ST-METADATA", "is a string"},
    {"ST_070_number", with_byte(R"({"__metadata__":{"a":1},)" + kU8 + "}"), "ST-METADATA", "metadata \"a\" is a number"},
    {"ST_070_null", with_byte(R"({"__metadata__":{"a":null},)" + kU8 + "}"), "ST-METADATA", "metadata \"a\" is null"},
    {"ST_071", with_byte("{" + entry("__metadata__", "U8", "[1]", 0, 1) + "}"), "ST-METADATA", "metadata \"shape\" is an array"},
    {"ST_072", with_byte(R"({"__metadata__":{},)" + kU8 + "}"), "", ""},
    {"ST_073", [] { return with_byte(R"({"__metadata__":{"a":")" + std::string(10'000'000, 'v') + "\"}," + kU8 + "}"); }, "", ""},
    {"ST_074", shape("[-1]"), "ST-NEGATIVE", "\"-1\""},
    {"ST_075_a", shape("[1.0]"), "ST-INTEGER", "\"1.0\""},
    {"ST_075_b", shape("[1.5]"), "ST-INTEGER", "\"1.5\""},
    {"ST_075_c", shape("[1e0]"), "ST-INTEGER", "\"1e0\""},
    {"ST_076", offsets("[-0,1]"), "ST-INTEGER", "\"-0\""},
    {"ST_077", shape("[01]"), "ST-NUMBER", "leading zero"},
    {"ST_078_plus", shape("[+1]"), "ST-NUMBER", "\"+\" begins no JSON number"},
    {"ST_078_hex", shape("[0x1]"), "ST-NUMBER", "\"x\" in a number"},
    {"ST_078_nan", shape("[NaN]"), "ST-NUMBER", "\"N\" begins no JSON number"},
    {"ST_079", shape("[true]"), "ST-SHAPE-TYPE", "a boolean among the integers"},
    {"ST_080", shape("[18446744073709551616]"), "ST-RANGE", "\"18446744073709551616\""},
    {"ST_081_a", offsets("[0,18446744073709551616]"), "ST-RANGE", "\"18446744073709551616\""},
    {"ST_081_b", offsets("[0,18446744073709551617]"), "ST-RANGE", "\"18446744073709551617\""},
    {"ST_082", safetensors("{" + entry("t", "U8", "[0,9007199254740993]", 0, 0) + "}"), "", ""},
    {"ST_084", safetensors("{" + entry("t", "F4", "[3]", 0, 2) + "}", "xx"), "ST-SUBBYTE", "tensor \"t\": F4 [3]"},
    {"ST_085", safetensors("{" + entry("t", "F6_E2M3", "[3]", 0, 3) + "}", "xxx"), "ST-SUBBYTE", "tensor \"t\": F6_E2M3 [3]"},
    {"ST_091", safetensors("{" + entry("t", "U8", "[1]", 1, 2) + "}", "xx"), "ST-HOLE", "1 unowned bytes at 0"},
    {"ST_092", two(entry("a", "U8", "[1]", 0, 1), entry("b", "U8", "[1]", 2, 3), "xxx"), "ST-HOLE", "tensor \"b\": data_offsets [2, 3] leave 1 unowned bytes at 1"},
    {"ST_093", two(entry("a", "U8", "[2]", 0, 2), entry("b", "U8", "[2]", 1, 3), "xxx"), "ST-OVERLAP", "tensor \"b\": overlaps \"a\""},
    {"ST_094", two(entry("a", "U8", "[1]", 0, 1), entry("b", "U8", "[1]", 0, 1), "x"), "ST-SHARED", "tensor \"b\": shares its bytes with \"a\""},
    {"ST_095", offsets("[1,0]"), "ST-REVERSED", "data_offsets [1, 0]"},
    {"ST_096", safetensors("{" + entry("t", "U8", "[100]", 0, 100) + "}", "x"), "ST-PAST-END", "past the 1 data bytes"},
    {"ST_097", safetensors("{" + entry("t", "I32", "[2,2]", 0, 4) + "}", "xxxx"), "ST-SIZE", "needs 16 bytes"},
    {"ST_098", safetensors("{" + entry("t", "I32", "[1]", 0, 8) + "}", "xxxxxxxx"), "ST-SIZE", "needs 4 bytes"},
    {"ST_099", safetensors("{" + entry("t", "F32", "[]", 0, 4) + "}", "xxxx"), "", ""},
    {"ST_100", two(entry("a", "U8", "[8]", 0, 8), entry("b", "U8", "[0]", 8, 8), "xxxxxxxx"), "", ""},
    {"ST_101", two(entry("a", "U8", "[0]", 0, 0), entry("b", "U8", "[0]", 0, 0), ""), "", ""},
    {"ST_102", two(entry("a", "U8", "[4]", 0, 4), entry("b", "U8", "[0]", 2, 2), "xxxx"), "ST-OVERLAP", "tensor \"b\": offset 2 is inside \"a\""},
    {"ST_103", safetensors("{" + entry("t", "U8", "[0]", 5, 5) + "}"), "ST-PAST-END", "data_offsets [5, 5]"},
    {"ST_104", two(entry("b", "U8", "[1]", 1, 2), entry("a", "U8", "[1]", 0, 1), "xx"), "", ""},
    {"ST_105", with_byte("{" + kU8 + "}") + "POLYGLOT", "ST-TRAILING", "8 bytes after the last tensor"},
    {"ST_106", safetensors("{}", "x"), "ST-TRAILING", "1 bytes after the last tensor"},
    {"ST_107", safetensors("{" + entry("t", "U8", "[2]", 0, 2) + "}", "x"), "ST-PAST-END", "past the 1 data bytes"},
    {"ST_108", safetensors("{" + entry("t", "U8", "[2]", 0, 2) + "}"), "ST-PAST-END", "past the 0 data bytes"},
    {"ST_109", safetensors("{" + entry("t", "I32", "[2,9223372036854775806]", 0, 4) + "}", "xxxx"), "ST-OVERFLOW", "overflows"},
    {"ST_110", safetensors("{" + entry("t", "I32", "[2,9223372036854775807]", 0, 4) + "}", "xxxx"), "ST-OVERFLOW", "overflows"},
    {"ST_111", safetensors("{" + entry("t", "I32", "[4611686018427387906]", 0, 16) + "}", std::string(16, 'x')), "ST-OVERFLOW", "overflows"},
    {"ST_112", safetensors("{" + entry("t", "U8", "[4294967296,4294967297]", 0, 1) + "}", "x"), "ST-OVERFLOW", "overflows"},
    {"ST_113", safetensors("{" + entry("t", "U8", "[2305843009213693952]", 0, 1) + "}", "x"), "ST-SIZE", "needs 2305843009213693952 bytes"},
    {"ST_114", shape("[18446744073709551615,2,0]"), "ST-RANGE", "\"18446744073709551615\""},
    {"ST_115", shape("[0,18446744073709551615,18446744073709551615]"), "ST-RANGE", "18446744073709551615"},
    {"ST_116", shape("[9223372036854775808,0]"), "ST-RANGE", "9223372036854775808"},
    {"ST_117", safetensors("{" + entry("t", "U8", "[0,9223372036854775807,2]", 0, 0) + "}"), "ST-OVERFLOW", "overflows"},
    {"ST_118", safetensors("{" + entry("t", "U8", "[4294967297,0]", 0, 0) + "}"), "", ""},
    {"ST_119", sums_near_2_64(), "ST-PAST-END", "tensor \"t0\""},
    {"ST_120", with_byte("{" + entry("t", "U8", dims(9), 0, 1) + "}"), "", ""},
    {"ST_121_65", with_byte("{" + entry("t", "U8", dims(65), 0, 1) + "}"), "ST-RANK", "rank 65", kLimit},
    {"ST_121_many", with_byte("{" + entry("t", "U8", dims(100'000), 0, 1) + "}"), "ST-RANK", "rank 100000", kLimit},
    {"ST_124", shared_range(1000), "ST-SHARED", "tensor \"t1\": shares its bytes with \"t0\""},
    {"ST_126", two(entry("a", "U8", "[1]", 0, 1), entry("b", "F32", "[1]", 1, 5), "xxxxx"), "", ""},
    {"ST_127", with_byte(R"({"__metadata__":{"format":"np"},)" + kU8 + "}"), "", ""},
    {"ST_METADATA_LIMIT",
     with_byte(R"({"__metadata__":{"a":"","b":"","c":""},)" + kU8 + "}"),
     "ST-METADATA-LIMIT",
     "more than 2 metadata keys",
     kLimit,
     at_most_two_tensors()},
  };
  for (const char* name : {"F128", "C128", "I4", "Q8_0"}) {
    rows.push_back({"ST_086_"s + name, dtype('"' + std::string(name) + '"'), "ST-DTYPE", "unknown dtype \""s + name, kUnsupported});
  }
  int spelling = 0;
  for (const char* name : {"f32", "F32 ", "", "BFLOAT16", "null"}) {
    rows.push_back({"ST_087_" + std::to_string(spelling++), dtype('"' + std::string(name) + '"'), "ST-DTYPE", "unknown dtype \""s + name, kUnsupported});
  }
  for (int i = 0; i <= static_cast<int>(DType::kF4); ++i) {
    const auto type = static_cast<DType>(i);
    if (!dtype_from_safetensors(dtype_name(type))) continue;
    const auto bytes = static_cast<std::uint64_t>(dtype_bits(type)) / 2;  // of four elements
    rows.push_back({"ST_083_" + std::string(dtype_name(type)),
                    safetensors("{" + entry("t", dtype_name(type), "[4]", 0, bytes) + "}", std::string(bytes, '\0')),
                    "",
                    ""});
  }
  return rows;
}

TEST_P(ContainerRows, HasItsVerdict) { expect_row(GetParam(), with_byte("{" + kU8 + "}")); }
INSTANTIATE_TEST_SUITE_P(ST, ContainerRows, testing::ValuesIn(safetensors_rows()), row_name);

TEST(SafetensorsRows, ST_011_ST_012_TheHeaderLimitIs100000000Bytes) {
  const std::string largest = safetensors("{}" + std::string(99'999'998, ' '));
  EXPECT_TRUE(open_bytes(largest));
  const auto over = open_bytes(safetensors("{}" + std::string(99'999'999, ' ')));
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, "ST-HEADER-LIMIT");
}

TEST(SafetensorsRows, ST_018_NoHeaderLengthLooksLikeAnotherContainer) {
  const std::string json = "{" + kU8 + "}";
  for (std::size_t length = json.size(); length < 3'000; ++length) {
    const auto opened = open_bytes(with_byte(json + std::string(length - json.size(), ' ')));
    ASSERT_TRUE(opened) << length << ": " << opened.error();
    ASSERT_EQ(opened->container, Container::kSafetensors) << length;
  }
}

/// The bytes of a tensor as a caller gets them.
std::string read_bytes(const std::string& file, const std::string& name) {
  TempDir dir;
  const auto checkpoint = open_checkpoint(dir.write("m.safetensors", file));
  EXPECT_TRUE(checkpoint) << checkpoint.error();
  if (!checkpoint) return "";
  const TensorEntry& entry = *(*checkpoint)->find(name);
  std::string bytes(entry.bytes, '\0');
  EXPECT_TRUE(read_tensor(**checkpoint, entry, std::as_writable_bytes(std::span(bytes.data(), bytes.size()))));
  return bytes;
}

TEST(SafetensorsRows, ST_088_ATypeThatNobodyAsksForIsNoObstacle) {
  const std::string file = two(entry("a", "F4", "[4]", 0, 2), entry("b", "U8", "[2]", 2, 4), "??hi");
  EXPECT_EQ(read_bytes(file, "b"), "hi");
}

TEST(SafetensorsRows, ST_090_NumbersThatAreNoneStayBitForBit) {
  std::string data;
  for (const std::uint32_t bits : {0x7fc00000u, 0x7fa00001u, 0x7f800000u, 0xff800000u, 0x80000000u, 0x00000001u}) data += little(bits, 4);
  EXPECT_EQ(read_bytes(safetensors("{" + entry("t", "F32", "[6]", 0, 24) + "}", data), "t"), data);
}

TEST(SafetensorsRows, ST_125_TheSameBytesGiveTheSameMessage) {
  const std::string bytes = shared_range(1000);
  const std::string message = open_bytes(bytes).error().message;
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(open_bytes(bytes).error().message, message);
}

TEST(SafetensorsRows, ST_129_EveryPrefixIsRefusedByRegion) {
  const std::string bytes = with_byte("{" + kU8 + "}");
  ASSERT_TRUE(open_bytes(bytes));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto opened = open_bytes(bytes.substr(0, length));
    ASSERT_FALSE(opened) << length;
    const bool header_whole = length >= bytes.size() - 1;
    const std::string_view expected = length < 8 ? "ST-SHORT" : header_whole ? "ST-PAST-END" : "ST-HEADER-LENGTH";
    EXPECT_EQ(opened.error().code, expected) << length;
  }
}

TEST(SafetensorsRows, ST_130_ABitFlipNeverGivesATensorOutsideTheFile) {
  const std::string bytes = two(entry("a", "F32", "[2,2]", 0, 16), entry("b", "U8", "[3]", 16, 19), std::string(19, 'd'));
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    const auto opened = open_bytes(flipped);
    if (!opened) continue;
    for (const TensorEntry& tensor : opened->listing.tensors) {
      EXPECT_LE(tensor.offset + tensor.bytes, flipped.size()) << bit;
    }
  }
}

}  // namespace
}  // namespace tenon::test
