// Table LG where the checkpoint is a tar file.
#include <tenon/checkpoint.h>

#include "tests/formats/container_rows.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/tar_bytes.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torch_bytes.h"

namespace tenon::test {
namespace {

using namespace std::string_literals;

template <class Change>
std::string with_parts(Change change) {
  TorchTar parts;
  change(parts);
  return parts.bytes();
}
/// The archive with its member "storages" changed.
template <class Change>
std::string with_file(Change change) {
  auto files = TorchTar().files();
  change(files[2]);
  return tar(files);
}
std::string with_member(const TarFile& file) {
  auto files = TorchTar().files();
  files.insert(files.begin(), file);
  return tar(files);
}
std::string of_type(char type) {
  return with_file([type](TarFile& f) { f.type = type; });
}
std::string with_record(const std::string& record) { return with_member({"paxheader", record, 'x'}); }

std::string storage_record(const std::string& key, const std::string& type = "FloatStorage") {
  return program("(" + key + str("cpu") + global("torch", type) + "t");
}
std::string tensor_record(const std::string& sizes, std::uint64_t rank = 1) {
  return program(num(1)) + program("(" + num(200) + num(100) + global("torch", "FloatTensor") + "t") + little(rank) + sizes;
}
std::string with_view(std::int32_t begin, std::int32_t count) {
  TorchTar parts;
  parts.storages = program(num(1)) + storage_record(num(100)) + little(4) + std::string(16, 'd') +
                   program("](" + num(101) + num(100) + num(begin) + num(count) + "ta");
  parts.tensors = program(num(1)) + program("(" + num(200) + num(101) + global("torch", "FloatTensor") + "t") + little(1) +
                  little(2) + little(1) + little(0);
  return parts.bytes();
}

std::vector<ContainerRow> tar_rows() {
  const std::string valid = TorchTar().bytes();
  return {
    {"LG_12", valid, "", ""},
    {"LG_12_padded", valid + std::string(10240 - valid.size() % 10240, '\0'), "", ""},
    {"LG_12_foreign", tar({{"weights.bin", "x"}}), "LG-TAR", "with a member \"weights.bin\"", kUnsupported},
    {"LG_13_hardlink", of_type('1'), "LG-TAR-TYPE", "at byte 2048: a member of type \"1\"", kUnsafe},
    {"LG_13_symlink", of_type('2'), "LG-TAR-TYPE", "a member of type \"2\"", kUnsafe},
    {"LG_13_device", of_type('3'), "LG-TAR-TYPE", "a member of type \"3\"", kUnsafe},
    {"LG_13_folder", of_type('5'), "LG-TAR-TYPE", "a member of type \"5\"", kUnsafe},
    {"LG_13_sparse", of_type('S'), "LG-TAR-TYPE", "a member of type \"S\"", kUnsafe},
    {"LG_13_long_name", of_type('L'), "LG-TAR-TYPE", "a member of type \"L\"", kUnsafe},
    {"LG_13_path", with_member({"../x", "x"}), "LG-TAR", "with a member \"../x\"", kUnsupported},
    {"LG_13_pax_size", with_record("11 size=99\n"), "LG-TAR-PAX", "at byte 0: a pax record\" size\"", kUnsafe},
    {"LG_13_pax_path", with_record("12 path=abc\n"), "LG-TAR-PAX", "a pax record\" path\"", kUnsafe},
    {"LG_13_pax_broken", with_record("99 mtime=1\n"), "LG-TAR-PAX", "a malformed pax record"},
    {"LG_13_pax_long", with_record(std::string(5000, ' ')), "LG-TAR-PAX", "a pax header of 5000 bytes", kLimit},
    {"LG_13_pax_time", with_record("22 mtime=1480000000.5\n"), "", ""},
    {"LG_13_eight_gigabytes", with_file([](TarFile& f) { f.size = "77777777777"; }), "LG-TAR-CUT", "at byte 2048: a member of 8589934591 bytes"},
    {"LG_13_size", with_file([](TarFile& f) { f.size = "\x80"s + std::string(10, '\1'); }), "LG-TAR-SIZE", "a size that is not octal"},
    {"LG_13_missing", tar({TorchTar().files()[0], TorchTar().files()[1]}), "LG-TAR", "without a member \"storages\"", kUnsupported},
    {"LG_13_twice", with_member(TorchTar().files()[0]), "LG-TAR-TWICE", "at byte 1024: a second member \"sys_info\""},
    {"LG_14_cut", valid.substr(0, 2600), "LG-TAR-CUT", "at byte 2048: a member of"},
    {"LG_14_no_end", valid.substr(0, valid.size() - 1024), "LG-TAR-CUT", "the archive ends here"},
    {"LG_14_one_block", valid.substr(0, valid.size() - 512), "LG-TAR-CUT", "one empty block"},
    {"LG_14_checksum", with_file([](TarFile& f) { f.wrong_checksum = true; }), "LG-TAR-CHECKSUM", "at byte 2048: a header whose checksum differs"},
    {"LG_14_prefix", [] {
       std::string bytes = TorchTar().bytes();
       bytes[345] = 'p';
       const auto sum = std::stoul(bytes.substr(148, 6), nullptr, 8) + 'p';
       char text[8];
       std::snprintf(text, sizeof text, "%06lo", sum);
       return bytes.replace(148, 6, text);
     }(), "LG-TAR-HEADER", "at byte 0: a header of another kind", kUnsupported},
    {"ZP_61_tar", valid + valid_torch_zip(), "LG-TAR-TRAILING", "bytes after the archive"},
    {"LG_10_tar_cut", with_parts([](TorchTar& t) { t.storages.resize(t.storages.size() - 10); }), "LG-SHORT", "storages: at byte"},
    {"LG_10_tar_more", with_parts([](TorchTar& t) { t.storages += "x"; }), "LG-TRAILING", "1 bytes after the last record"},
    {"LG_08_tar_unknown", with_parts([](TorchTar& t) { t.storages = program(num(0)) + program("]"); }), "LG-NO-DATA", "storage \"100\" has no data"},
    {"LG_08_tar_twice", with_parts([](TorchTar& t) { t.storages = program(num(2)) + storage_record(num(1)) + little(0) + storage_record(num(1)) + little(0); }), "LG-KEYS-TWICE", "storage \"1\" listed twice"},
    {"LG_08_tar_form", with_parts([](TorchTar& t) { t.storages = program(num(1)) + program("]"); }), "LG-TAR-RECORD", "a storage record of another form"},
    {"LG_09_tar_negative", with_parts([](TorchTar& t) { t.storages = program(num(1)) + storage_record(num(1)) + little(~0ull); }), "LG-SHORT", "of -1 elements"},
    {"LG_09_tar_huge", with_parts([](TorchTar& t) { t.storages = program(num(1)) + storage_record(num(1)) + little(1ull << 62); }), "LG-SHORT", "of 4611686018427387904 elements"},
    {"LG_11_tar", with_parts([](TorchTar& t) { t.storages = program(num(0x7fffffff)); }), "PK-TENSORS", "2147483647 records", kLimit},
    {"LG_11_tar_count", with_parts([](TorchTar& t) { t.storages = program(str("x")); }), "LG-TAR-RECORD", "a count that is no number"},
    {"LG_07_tar_valid", with_view(2, 2), "", ""},
    {"LG_07_tar_past", with_view(3, 2), "LG-VIEW", "view of 2 elements at 3 of a storage of 4"},
    {"LG_07_tar_negative", with_view(-1, 2), "LG-VIEW", "at -1"},
    {"LG_07_tar_tensor", with_view(3, 1), "PK-OUTSIDE", "ends at element 2, its storage has 1"},
    {"PK_40_tar", with_parts([](TorchTar& t) { t.storages = program(num(1)) + storage_record(num(1), "FakeStorage"); }), "PK-STORAGE-TYPE", "\"torch.FakeStorage\"", kUnsupported},
    {"PK_49_tar", with_parts([](TorchTar& t) { t.tensors = tensor_record(little(5) + little(1) + little(0)); }), "PK-OUTSIDE", "ends at element 5, its storage has 4"},
    {"PK_47_tar", with_parts([](TorchTar& t) { t.tensors = tensor_record(little(1) + little(1) + little(~0ull)); }), "PK-OFFSET", "offset -1"},
    {"PK_51_tar", with_parts([](TorchTar& t) { t.tensors = tensor_record(little(~0ull) + little(1) + little(0)); }), "PK-SIZE", "size -1"},
    {"PK_57_tar", with_parts([](TorchTar& t) { t.tensors = tensor_record("", 65); }), "PK-RANK-LIMIT", "rank 65", kLimit},
    {"PK_12_tar", with_parts([](TorchTar& t) { t.tensors = tensor_record(little(1)); }), "LG-TAR-RECORD", "8 bytes; 24 are required"},
    {"PK_39_tar_unknown", with_parts([](TorchTar& t) { t.pickle = program("}" + str("w") + str("201") + "Qs"); }), "PK-PERSISTENT", "pickle: at byte 17: tensor \"201\" is not described"},
    {"PK_39_tar_type", with_parts([](TorchTar& t) { t.pickle = program("}" + str("w") + "]Qs"); }), "PK-ARGUMENT", "a persistent id is a list"},
    {"PK_33_tar", with_parts([](TorchTar& t) { t.pickle = program("}" + str("w") + str("200") + "Qs" + str("x") + global("os", "system") + "(" + str("ls") + "tRs"); }), "", ""},
  };
}

class TarRows : public ContainerRows {};
TEST_P(TarRows, HasItsVerdict) { expect_row(GetParam(), TorchTar().bytes()); }
INSTANTIATE_TEST_SUITE_P(LG_TAR, TarRows, testing::ValuesIn(tar_rows()), row_name);

TEST(TarRows, LG_12_TheTensorsAreListedWhereTheirBytesAre) {
  const std::string bytes = TorchTar().bytes();
  const auto opened = open_bytes(bytes);
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_EQ(opened->container, Container::kTorchTar);
  ASSERT_EQ(opened->listing.tensors.size(), 1u);
  const TensorEntry& w = opened->listing.tensors[0];
  EXPECT_EQ(w.name, "w");
  EXPECT_EQ(w.shape, (Shape{2, 2}));
  EXPECT_TRUE(w.strides.empty());
  EXPECT_EQ(bytes.substr(w.offset, w.bytes), std::string(16, 'd'));
}

TEST(TarRows, LG_07_AViewOfAStorageIsPartOfIt) {
  const std::string bytes = with_view(2, 2);
  const auto opened = open_bytes(bytes);
  ASSERT_TRUE(opened) << opened.error();
  const TensorEntry& w = opened->listing.tensors.at(0);
  EXPECT_EQ(w.offset, w.storage_offset + 8);
  EXPECT_EQ(w.storage_bytes, 16u);
}

TEST(TarRows, LG_13_MoreMembersThanACheckpointHasAreALimit) {
  std::vector<TarFile> files;
  for (int i = 0; i < 65; ++i) files.push_back({std::to_string(i), ""});
  const auto opened = open_bytes(tar(files));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "LG-TAR-MEMBERS");
}

TEST(TarRows, EveryPrefixIsRefused) {
  const std::string valid = TorchTar().bytes();
  for (std::size_t length = 0; length < valid.size(); ++length) EXPECT_FALSE(open_bytes(valid.substr(0, length))) << length;
}

}  // namespace
}  // namespace tenon::test
