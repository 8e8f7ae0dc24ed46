// Table ZP: the zip container of torch.save.
#include <zlib.h>

#include "tests/formats/container_rows.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/torch_bytes.h"

namespace tenon::test {
namespace {

using namespace std::string_literals;

constexpr std::size_t kPickle = 0;
constexpr std::size_t kOrder = 1;
constexpr std::size_t kData = 2;
constexpr std::size_t kVersion = 3;

std::vector<ZipMember> members() { return torch_members(program(dict_of(plain_tensor()))); }

/// The valid archive with one member changed.
template <class Change>
std::string with(std::size_t member, Change change) {
  auto all = members();
  change(all[member]);
  return zip(all);
}
std::string without(std::size_t member) {
  auto all = members();
  all.erase(all.begin() + static_cast<std::ptrdiff_t>(member));
  return zip(all);
}
std::string and_also(const ZipMember& member) {
  auto all = members();
  all.push_back(member);
  return zip(all);
}
std::string named(std::size_t member, const std::string& name) {
  return with(member, [&](ZipMember& m) { m.name = name; });
}
std::string containing(std::size_t member, const std::string& content) {
  return with(member, [&](ZipMember& m) { m.content = content; });
}
std::string whole(const ZipOptions& options) { return zip(members(), options); }

std::string all_wide() {
  auto all = members();
  for (auto& member : all) member.wide_descriptor = true;
  return zip(all);
}

/// The directory of the second archive hides in the comment of the first.
std::string two_ends() {
  const std::string valid = valid_torch_zip();
  return whole({.comment = valid.substr(valid.size() - 22)});
}

std::string rooted_at_nothing() {
  auto all = members();
  for (auto& member : all) member.name = member.name.substr(member.name.find('/') + 1);
  return zip(all);
}

std::string deflated(const std::string& text) {
  std::string out(text.size() + 64, '\0');
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string input = text;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

/// A TorchScript archive whose compressed program says it has nine bytes.
std::string script_with_code(const std::string& code, const std::string& name = "archive/code/__torch__.py") {
  auto all = members();
  all.push_back({.name = "archive/constants.pkl", .content = program(")")});
  all.push_back({.name = name, .content = code, .method = 8, .uncompressed = 9});
  return zip(all);
}

/// zip64 values where the 32-bit ones say "see there".
std::string wide_offset(std::uint64_t offset) {
  return with(kData, [&](ZipMember& m) {
    m.central_offset = 0xffffffff;
    m.central_extra = little(1, 2) + little(8, 2) + little(offset);
  });
}

const std::string kUnclosedExtra = little(0x4246, 2) + little(100, 2) + "ZZ";

std::vector<ContainerRow> zip_rows() {
  const std::string valid = valid_torch_zip();
  std::vector<ContainerRow> rows = {
    {"ZP_01_short", "PK\3\4"s + std::string(17, '\0'), "ZP-END", "no end-of-central-directory record"},
    {"ZP_01_none", "PK\3\4"s + std::string(200, 'x'), "ZP-END", "no end-of-central-directory record"},
    {"ZP_02", std::string(64, '\xee') + valid, "ZP-PREFIX", "does not begin at byte 0"},
    {"ZP_03", valid + std::string(100, 'x'), "ZP-TRAILING", "100 bytes after the archive"},
    {"ZP_04", whole({.comment = "hello"}), "ZP-COMMENT", "5-byte comment"},
    {"ZP_04_cut", valid.substr(0, valid.size() - 2) + "\x09\x01"s, "ZP-COMMENT", "a comment of 265 bytes, and 0 behind it"},
    {"ZP_05", valid.substr(0, valid.size() / 2), "ZP-END", "incomplete download?"},
    {"ZP_06", two_ends(), "ZP-TWO-ENDS", "two end records"},
    {"ZP_07_more", whole({.count = 5}), "ZP-COUNT", "the directory has 4 entries, the end record counts 5"},
    {"ZP_07_less", whole({.count = 3}), "ZP-COUNT", "more than the 3 entries"},
    {"ZP_08", whole({.directory_offset = 7}), "ZP-DIRECTORY", "the directory at 7"},
    {"ZP_09", whole({.zip64 = true, .zip64_offset = 3}), "ZP-ZIP64", "disagree"},
    {"ZP_10_past", whole({.zip64 = true, .locator_offset = 1u << 30}), "ZP-ZIP64", "points outside"},
    {"ZP_10_inside", whole({.zip64 = true, .locator_offset = 4}), "ZP-ZIP64", "no zip64 end record"},
    {"ZP_10_valid", whole({.zip64 = true}), "", ""},
    {"ZP_11_narrow", with(kPickle, [](ZipMember& m) { m.descriptor = true; }), "", ""},
    {"ZP_11_wide", all_wide(), "", ""},
    {"ZP_12", and_also({.name = "archive/data.pkl", .content = program("}")}), "ZP-DUPLICATE", "\"archive/data.pkl\": duplicate entry"},
    {"ZP_13", and_also({.name = "archive/data/0", .content = std::string(16, 'e')}), "ZP-DUPLICATE", "\"archive/data/0\": duplicate entry"},
    {"ZP_14", named(kPickle, "archive/DATA.PKL"), "ZP-NO-PICKLE", "without data.pkl"},
    {"ZP_15", and_also({.name = "archive/DATA.PKL", .content = program("}")}), "ZP-CASE", "only in case"},
    {"ZP_16", with(kData, [](ZipMember& m) { m.local_name = "archive/data/9"; }), "ZP-LOCAL-NAME", "the local header names \"archive/data/9\""},
    {"ZP_17", with(kData, [](ZipMember& m) { m.local_size = 15; }), "ZP-LOCAL-SIZE", "says 15 bytes, the directory 16"},
    {"ZP_18", with(kData, [](ZipMember& m) { m.local_flags = 0; }), "ZP-LOCAL", "flags or method differ"},
    {"ZP_19", with(kVersion, [](ZipMember& m) { m.central_size = m.local_size = 1u << 30; }), "ZP-PAST-END", "needs 1073741824 bytes"},
    {"ZP_20", with(kData, [](ZipMember& m) { m.central_offset = 0; }), "ZP-OVERLAP", "overlaps \"archive/"},
    {"ZP_21", with(kPickle, [](ZipMember& m) { m.central_size = m.local_size = static_cast<std::uint32_t>(m.content.size() + 4); m.crc = 0; }), "ZP-OVERLAP", "overlaps \"archive/data.pkl\""},
    {"ZP_22", with(kData, [](ZipMember& m) { m.central_offset = 0x7fffffff; }), "ZP-OFFSET", "before the directory"},
    {"ZP_23", wide_offset(~0ull - 3), "ZP-OFFSET", "byte 18446744073709551612"},
    {"ZP_24", with(kVersion, [](ZipMember& m) { m.central_offset = 0; }), "ZP-OVERLAP", "overlaps"},
    {"ZP_25", with(kData, [](ZipMember& m) { m.flags |= 1; }), "ZP-ENCRYPTED", "\"archive/data/0\": the entry is encrypted"},
    {"ZP_27", whole({.disk = 1}), "ZP-DISK", "several disks"},
    {"ZP_28", with(kData, [](ZipMember& m) { m.method = 8; }), "ZP-COMPRESSED", "\"archive/data/0\": it is compressed", kUnsupported},
    {"ZP_29", with(kPickle, [](ZipMember& m) { m.method = 8; m.content = std::string(1000, '\0'); }), "ZP-COMPRESSED", "it is compressed", kUnsupported},
    {"ZP_30", with(kData, [](ZipMember& m) { m.method = 8; m.content = deflated(std::string(1000, 'd')); }), "ZP-COMPRESSED", "\"archive/data/0\": it is compressed", kUnsupported},
    {"ZP_31", with(kPickle, [](ZipMember& m) { m.method = 8; m.content = std::string(64, '\x04'); }), "ZP-COMPRESSED", "\"archive/data.pkl\": it is compressed", kUnsupported},
    {"ZP_31_code", script_with_code(std::string(64, '\x04')), "note:TS-SCRIPT", ""},
    {"TS_04_reads_a_file", script_with_code(deflated("def forward(self, x): return torch.load('/etc/passwd')")), "note:TS-SCRIPT", ""},
    {"TS_04_leaves_its_storage", script_with_code(deflated("def forward(self, x): return torch.as_strided(x, [99], [1], -99)")), "note:TS-SCRIPT", ""},
    {"TS_04_submodule", script_with_code(deflated("class Inner(Module): pass"), "archive/code/__torch__/inner/deep.py"), "note:TS-SCRIPT", ""},
    {"TS_04_leaves_the_archive", script_with_code(deflated("pass"), "archive/code/../../x.py"), "ZP-NAME", "unsafe entry name", kUnsafe},
    {"TS_04_long_path", script_with_code(deflated("pass"), "archive/code/" + std::string(505, 'x')), "ZP-NAME-LIMIT", "a name of 518 bytes", kLimit},
    {"ZP_62", script_with_code(deflated("import os")), "note:TS-SCRIPT", ""},
    {"ZP_32_pickle", with(kPickle, [](ZipMember& m) { m.crc = 7; }), "ZP-CRC", "\"archive/data.pkl\": its checksum differs"},
    {"ZP_33", with(kData, [](ZipMember& m) { m.crc = 0; }), "note:ZP-NOCRC", ""},
    {"ZP_34", with(kData, [](ZipMember& m) { m.descriptor = m.wrong_descriptor = true; }), "ZP-DESCRIPTOR", "differs from the directory"},
    {"ZP_34_none", with(kData, [](ZipMember& m) { m.flags |= 8; }), "ZP-DESCRIPTOR", "no data descriptor"},
    {"ZP_36", and_also({.name = "archive/" + std::string(505, 'n'), .content = ""}), "ZP-NAME-LIMIT", "a name of 513 bytes", kLimit},
    {"ZP_37_broken", and_also({.name = "archive/\xff", .content = ""}), "ZP-NAME-UTF8", "not UTF-8"},
    {"ZP_37_flag", and_also({.name = "archive/\xc3\xa9", .content = "", .flags = 0}), "ZP-NAME-UTF8", "without the UTF-8 flag"},
    {"ZP_37_valid", and_also({.name = "archive/\xc3\xa9", .content = ""}), "", ""},
    {"ZP_38", with(kData, [](ZipMember& m) { m.made_by = 0x300; m.attributes = 0120777u << 16; }), "ZP-LINK", "symbolic link", kUnsafe},
    {"ZP_38_device", with(kData, [](ZipMember& m) { m.made_by = 0x300; m.attributes = 0020600u << 16; }), "ZP-LINK", "no regular file", kUnsafe},
    {"ZP_39", and_also({.name = "archive/extra/", .content = ""}), "note:ZP-FOLDER", ""},
    {"ZP_40", and_also({.name = "b/x", .content = ""}), "ZP-ROOTS", "two roots \"archive/\" and \"b/\""},
    {"ZP_41", rooted_at_nothing(), "ZP-NO-ROOT", "not in a folder"},
    {"ZP_42", named(kPickle, "/data.pkl"), "ZP-NAME", "unsafe entry name", kUnsafe},
    {"ZP_43", without(kPickle), "ZP-NO-PICKLE", "its entries are: \"archive/byteorder\""},
    {"ZP_44", without(kVersion), "ZP-NO-VERSION", "no version record"},
    {"ZP_46", without(kOrder), "", ""},
    {"ZP_48_middle", containing(kOrder, "middle"), "ZP-BYTEORDER", "byteorder \"middle\""},
    {"ZP_48_empty", containing(kOrder, ""), "ZP-BYTEORDER", "byteorder \"\""},
    {"ZP_48_long", [] { return containing(kOrder, std::string(1'000'000, 'l')); }, "ZP-BYTEORDER", "of 1000000 bytes"},
    {"ZP_49", and_also({.name = "archive/.storage_alignment", .content = "0"}), "note:ZP-RECORD", ""},
    {"ZP_50", and_also({.name = "archive/.format_version", .content = "abc"}), "note:ZP-RECORD", ""},
    {"ZP_51", without(kData), "ZP-NO-STORAGE", "data.pkl: at byte 96: data/0 is named here and not in the archive"},
    {"ZP_52", containing(kData, std::string(64, 'd')), "ZP-STORAGE-SIZE", "data/0 is 64 bytes, 16 are declared"},
    {"ZP_53", containing(kData, std::string(8, 'd')), "ZP-STORAGE-SIZE", "data/0 is 8 bytes, 16 are declared"},
    {"ZP_54", and_also({.name = "archive/data/99", .content = "x"}), "note:ZP-UNUSED", ""},
    {"ZP_55",
     zip({{.name = "archive/data.pkl", .content = program(dict_of(tensor(storage("0", num(0)), num(0), ints({0}), ints({1}))))},
          {.name = "archive/version", .content = "3\n"}}),
     "",
     ""},
    {"ZP_56", and_also({.name = "archive/.data/serialization_id", .content = std::string(40, '1')}), "", ""},
    {"ZP_58", with(kData, [](ZipMember& m) { m.extra = kUnclosedExtra; }), "ZP-EXTRA", "malformed extra field"},
    {"ZP_58_central", with(kData, [](ZipMember& m) { m.central_extra = kUnclosedExtra; }), "ZP-EXTRA", "malformed extra field"},
    {"ZP_58_name", with(kData, [](ZipMember& m) { m.central_extra = little(0x7075, 2) + little(1, 2) + "x"; }), "ZP-EXTRA", "second name"},
    {"ZP_59", with(kData, [](ZipMember& m) { m.extra = little(0x4246, 2) + little(3, 2) + "ZZZ"; }), "", ""},
    {"ZP_61_safetensors", safetensors("{}") + valid, "ST-TRAILING", "bytes after the last tensor"},
    {"ZP_GAP", with(kData, [](ZipMember& m) { m.gap = "hidden"; }), "ZP-GAP", "6 bytes at"},
    {"ZP_ENTRY_COMMENT", with(kData, [](ZipMember& m) { m.central_comment = "c"; }), "ZP-COMMENT", "the entry has a comment"},
  };
  for (const int method : {12, 14, 93, 99}) {
    rows.push_back({"ZP_26_" + std::to_string(method),
                    with(kData, [&](ZipMember& m) { m.method = static_cast<std::uint16_t>(method); }),
                    "ZP-METHOD",
                    "compression method " + std::to_string(method),
                    kUnsupported});
  }
  int index = 0;
  for (const std::string& name : {"archive/../x"s, "/x"s, "archive\\x"s, "c:x"s, "archive/a\0b"s, "archive/a\nb"s}) {
    rows.push_back({"ZP_35_" + std::to_string(index++), and_also({.name = name, .content = ""}), "ZP-NAME", "unsafe entry name", kUnsafe});
  }
  index = 0;
  for (const std::string& version : {"99"s, "-1"s, "abc"s, std::string(40, '1')}) {
    rows.push_back({"ZP_45_" + std::to_string(index++), containing(kVersion, version), "ZP-VERSION", "version \"" + version + "\"", kUnsupported});
  }
  rows.push_back({"ZP_45_long", [] { return containing(kVersion, std::string(1'000'000, '3')); }, "ZP-VERSION", "of 1000000 bytes"});
  Limits few;
  few.zip_entries = 3;
  rows.push_back({"ZP_57_entries", valid, "ZP-ENTRIES", "4 entries", kLimit, few});
  Limits small;
  small.zip_directory_bytes = 100;
  rows.push_back({"ZP_57_directory", valid, "ZP-DIRECTORY-LIMIT", "the limit is 100", kLimit, small});
  Limits little_pickle;
  little_pickle.pickle_bytes = 20;
  rows.push_back({"ZP_57_pickle", valid, "PK-SIZE", "the limit is 20", kLimit, little_pickle});
  return rows;
}

class ZipRows : public ContainerRows {};
TEST_P(ZipRows, HasItsVerdict) { expect_row(GetParam(), valid_torch_zip()); }
INSTANTIATE_TEST_SUITE_P(ZP, ZipRows, testing::ValuesIn(zip_rows()), row_name);

TEST(ZipRows, ZP_60_WhatLiesInAStorageIsOnlyBytes) {
  std::string inside = program(global("os", "system") + "(" + str("ls") + "tR");
  inside.resize(16, ' ');
  const auto opened = open_bytes(containing(kData, inside));
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_EQ(opened->listing.tensors.size(), 1u);
  EXPECT_TRUE(opened->listing.objects.empty());
}

TEST(ZipRows, ZP_47_ABigEndianArchiveIsMarkedSo) {
  const auto opened = open_bytes(containing(kOrder, "big"));
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_TRUE(opened->listing.tensors.at(0).big_endian);
  EXPECT_FALSE(open_bytes(valid_torch_zip())->listing.tensors.at(0).big_endian);
}

TEST(ZipRows, ZP_32_TheChecksumOfAStorageIsListed) {
  const auto opened = open_bytes(valid_torch_zip());
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_TRUE(opened->listing.tensors.at(0).has_crc32);
  EXPECT_EQ(opened->listing.tensors.at(0).storage_crc32, 0xe4338e7cu);
}

TEST(ZipRows, EveryPrefixIsRefused) {
  const std::string valid = valid_torch_zip();
  for (std::size_t length = 0; length < valid.size(); ++length) EXPECT_FALSE(open_bytes(valid.substr(0, length))) << length;
}

TEST(ZipRows, ABitFlipNeverGivesATensorOutsideItsStorage) {
  const std::string valid = valid_torch_zip();
  for (std::size_t bit = 0; bit < valid.size() * 8; ++bit) {
    std::string flipped = valid;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    const auto opened = open_bytes(flipped);
    if (!opened) continue;
    for (const TensorEntry& tensor : opened->listing.tensors) {
      EXPECT_LE(tensor.storage_offset + tensor.storage_bytes, flipped.size()) << bit;
      EXPECT_LE(tensor.offset + tensor.bytes, tensor.storage_offset + tensor.storage_bytes) << bit;
    }
  }
}

}  // namespace
}  // namespace tenon::test
