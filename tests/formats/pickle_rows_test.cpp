// Table PK: the pickle program of a checkpoint.
#include <pthread.h>

#include "runtime/formats/pickle_opcodes.h"
#include "tests/formats/container_rows.h"
#include "tests/support/gguf_bytes.h"
#include "tests/support/paths.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/tar_bytes.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torch_bytes.h"

namespace tenon::test {
namespace {

using namespace std::string_literals;

/// An archive whose data.pkl is exactly this.
std::string raw(const std::string& pickle) { return torch_zip(pickle); }
/// {"w": tensor, "x": value}: the case beside sound weights.
std::string beside(const std::string& value) {
  return raw(program("}" + str("w") + plain_tensor() + "s" + str("x") + value + "s"));
}
/// The only value of the program.
std::string only(const std::string& value) { return raw(program(value)); }
std::string weight(const std::string& tensor) { return raw(program(dict_of(tensor))); }
std::string view(const std::string& offset, const std::string& size, const std::string& stride) {
  return weight(tensor(storage("0", num(4)), offset, size, stride));
}
std::string counted(const std::string& count) { return weight(tensor(storage("0", count), num(0), ints({2}), ints({1}))); }
std::string keyed(const std::string& key) { return weight(tensor(storage(key, num(4)), num(0), ints({2}), ints({1}))); }
std::string rebuild(const std::string& name, const std::string& arguments) {
  return weight(global("torch._utils", name) + "(" + arguments + "tR");
}
/// The seventh argument of _rebuild_tensor_v2.
std::string with_metadata(const std::string& metadata) {
  return rebuild("_rebuild_tensor_v2", storage("0", num(4)) + num(0) + ints({2}) + ints({1}) + "\x89N" + metadata);
}
std::string many_keys(int count) {
  std::string items;
  for (int i = 0; i < count; ++i) items += str(std::to_string(i)) + "\x89s";
  return items;
}
std::string numpy_scalar(const std::string& type, const std::string& order, const std::string& bytes) {
  return global("numpy.core.multiarray", "scalar") + "(" + global("numpy", "dtype") + "(" + str(type) + num(0) + num(1) + "tR(" +
         num(3) + str(order) + "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff" + num(0) + "tbC" + little(bytes.size(), 1) + bytes + "tR";
}
std::string wide_dims(std::size_t rank) { return ints(std::vector<std::int32_t>(rank, 1)); }
std::string persistent(const std::string& members) { return weight(tensor("(" + members + "tQ", num(0), ints({2}), ints({1}))); }

/// Doublings of one list through the memo: 2^60 paths, 60 objects.
std::string doublings() {
  std::string value = "]" + str("leaf") + "aq\0"s;
  for (int i = 0; i < 60; ++i) value += "0](h" + little(static_cast<unsigned>(i), 1) + "h" + little(static_cast<unsigned>(i), 1) + "eq" + little(static_cast<unsigned>(i) + 1, 1);
  return value;
}

Limits with_limit(std::uint64_t Limits::*field, std::uint64_t value) {
  Limits limits;
  limits.*field = value;
  return limits;
}

const std::string kOrderedDict = global("collections", "OrderedDict") + ")R";

std::vector<ContainerRow> pickle_rows() {
  std::vector<ContainerRow> rows = {
    {"PK_01_empty", raw(""), "PK-NO-STOP", "data.pkl: at byte 0: the program ends without STOP"},
    {"PK_01_no_stop", raw("\x80\x02}"), "PK-NO-STOP", "ends without STOP"},
    {"PK_02", raw(program("}") + "junk"), "PK-TRAILING", "at byte 3: 4 bytes after STOP"},
    {"PK_03", raw(program("}}")), "PK-STACK", "2 values at STOP"},
    {"PK_04", raw(program("}(")), "PK-MARK", "open MARK at STOP"},
    {"PK_05", raw(dict_of(plain_tensor()) + "."), "", ""},
    {"PK_06_0", raw("(dp0\nS'e'\nI3\ns."), "", ""},
    {"PK_06_1", raw("}q\0U\1eK\3s."s), "", ""},
    {"PK_06_4", raw("\x80\4}\x94\x8c\1e\x94K\3s."s), "", ""},
    {"PK_07_6", raw("\x80\x06}."), "PK-PROTOCOL", "protocol 6", kUnsupported},
    {"PK_07_255", raw("\x80\xff}."), "PK-PROTOCOL", "protocol 255", kUnsupported},
    {"PK_08", raw("\x80\x02\x80\x02}."), "PK-PROTO", "at byte 2: PROTO inside the program"},
    {"PK_09_past", raw("\x80\x04\x95" + little(100) + "}."), "PK-FRAME", "frame of 100 bytes, 2 are left"},
    {"PK_09_zero", raw("\x80\x04\x95" + little(0) + "}."), "PK-FRAME", "frame of 0 bytes"},
    {"PK_09_huge", raw("\x80\x04\x95" + little(~0ull) + "}."), "PK-FRAME", "frame of 18446744073709551615"},
    {"PK_09_nested", raw("\x80\x04\x95" + little(11) + "\x95" + little(2) + "}."), "PK-FRAME", "a frame inside a frame"},
    {"PK_09_straddle", raw("\x80\x04\x95" + little(3) + num(1) + "."), "PK-FRAME", "crosses the end of its frame"},
    {"PK_09_valid", raw("\x80\x04\x95" + little(2) + "}."), "", ""},
    {"PK_10", raw("\x80\x02\xff."), "PK-OPCODE", "at byte 2: opcode 0xff"},
    {"PK_15", only("}(" + str("a") + "u"), "PK-ODD", "odd number of items"},
    {"PK_15_dict", only("(" + str("a") + "d"), "PK-ODD", "odd number of items"},
    {"PK_16_tensor", only(plain_tensor() + num(1) + num(1) + "s"), "PK-TARGET", "SETITEM on a tensor"},
    {"PK_16_list", only("]" + num(1) + num(1) + "s"), "PK-TARGET", "SETITEM on a list"},
    {"PK_16_tuple", only(")(" + num(1) + num(1) + "u"), "PK-TARGET", "SETITEMS on a tuple"},
    {"PK_16_storage", only(storage("0", num(4)) + num(1) + num(1) + "s"), "PK-TARGET", "SETITEM on a storage"},
    {"PK_17_dict", only("}" + num(1) + "a"), "PK-TARGET", "APPEND on a dict"},
    {"PK_17_tensor", only(plain_tensor() + "(" + num(1) + "e"), "PK-TARGET", "APPENDS on a tensor"},
    {"PK_18_tuple", only(num(1) + "(" + num(2) + "\x86"), "PK-UNDERFLOW", "more values than there are"},
    {"PK_18_append", only("](" + num(1) + "a"), "PK-UNDERFLOW", "no value above the mark"},
    {"PK_19", only("h\5"), "PK-MEMO", "memo 5 is not set"},
    {"PK_20", only("}r" + little(0x04000000, 4) + "r" + little(0xffffffff, 4)), "", ""},
    {"PK_21", only("}q\0q\1q\2"s), "PK-MEMO-LIMIT", "more than 2 memo entries", kLimit, with_limit(&Limits::pickle_memo, 2)},
    {"PK_22", beside(doublings()), "", ""},
    {"PK_23", beside("]" + repeated("2\x86", 1100)), "PK-NESTING", "nesting over 1000", kLimit},
    {"PK_24", [] { return beside(")" + repeated("\x85", 3'000'000)); }, "PK-NESTING", "nesting over 1000", kLimit},
    {"PK_25", [] { return beside(repeated("]", 1'000'000 - 10) + repeated("a", 1'000'000 - 11)); }, "PK-NESTING", "nesting over 1000", kLimit},
    {"PK_26", only("]q\0h\0a"s), "PK-CYCLE", "a list contains itself"},
    {"PK_27", only(kOrderedDict + "q\0}"s + str("self") + "h\0sb"s), "PK-CYCLE", "a dict contains itself"},
    {"PK_28", raw("\x80\x02X\xff\xff\xff\xff"), "PK-SHORT", "needs 4294967295 bytes, 0 are left"},
    {"PK_29_text", raw("\x80\x04\x8d" + little(1ull << 63)), "PK-SHORT", "needs 9223372036854775808 bytes"},
    {"PK_29_bytes", raw("\x80\x04\x8e" + little(~0ull)), "PK-SHORT", "needs 18446744073709551615 bytes"},
    {"PK_30_17", beside("\x8a\x11" + std::string(17, '\1')), "PK-LONG-LIMIT", "an integer of 17 bytes", kLimit},
    {"PK_30_255", beside("\x8a\xff" + std::string(255, '\1')), "PK-LONG-LIMIT", "an integer of 255 bytes", kLimit},
    {"PK_30_long4", beside("\x8b\xff\xff\xff\x7f"), "PK-LONG-LIMIT", "an integer of 2147483647 bytes", kLimit},
    {"PK_30_negative", beside("\x8b\xff\xff\xff\xff"), "PK-LONG", "negative length"},
    {"PK_31_broken", beside("X\2\0\0\0\xff\xfe"s), "PK-UTF8", "invalid UTF-8"},
    {"PK_31_surrogate", beside("X\3\0\0\0\xed\xa0\x80"s), "PK-UTF8", "invalid UTF-8"},
    {"PK_32_newline", raw("\x80\x02" "cos"), "PK-GLOBAL-NAME", "a global without a name"},
    {"PK_32_long", [] { return beside("c" + std::string(1'000'000, 'm') + "\nx\n"); }, "PK-GLOBAL-NAME", "a global without a name"},
    {"PK_32_crlf", beside("cos\r\nsystem\r\n"), "PK-GLOBAL-NAME", "\"os\\x0d\""},
    {"PK_32_ascii", beside("c\xc3\xa9\nx\n"), "PK-GLOBAL-NAME", "\"\\u{e9}\""},
    {"PK_32_empty", beside("c\n\n"), "PK-GLOBAL-NAME", "\"\" \"\""},
    {"PK_34", beside(str("os") + str("path.join") + "\x93("s + str("a") + "tR"), "", ""},
    {"PK_35", beside(num(1) + num(2) + "\x93"), "PK-GLOBAL-NAME", "whose name is no string"},
    {"PK_37", beside(num(1) + ")R"), "PK-CALLEE", "REDUCE of a int"},
    {"PK_37_arguments", beside(global("os", "system") + num(1) + "R"), "PK-ARGUMENT", "REDUCE with a int"},
    {"PK_38", weight(global("torch._tensor", "_rebuild_from_type_v2") + "(" + global("os", "system") + global("torch", "Tensor") + ")}tR"), "PK-GLOBAL", "from global \"os.system\"", kUnsafe},
    {"PK_39_type", weight(tensor(num(1) + "Q", num(0), ints({2}), ints({1}))), "PK-ARGUMENT", "a persistent id is a int"},
    {"PK_39_empty", weight(tensor(")Q", num(0), ints({2}), ints({1}))), "PK-PERSISTENT", "an empty persistent id"},
    {"PK_39_four", persistent(str("storage") + global("torch", "FloatStorage") + str("0") + str("cpu")), "PK-PERSISTENT", "of 4 members"},
    {"PK_39_seven", persistent(str("storage") + global("torch", "FloatStorage") + str("0") + str("cpu") + num(4) + "NN"), "PK-PERSISTENT", "of 7 members"},
    {"PK_39_first", persistent(str("module") + global("torch", "FloatStorage") + str("0") + str("cpu") + num(4)), "PK-PERSISTENT", "names no storage"},
    {"PK_39_bytes", persistent("U\7storage" + global("torch", "FloatStorage") + str("0") + str("cpu") + num(4)), "", ""},
    {"PK_40", persistent(str("storage") + global("torch", "FakeStorage") + str("0") + str("cpu") + num(4)), "PK-STORAGE-TYPE", "\"torch.FakeStorage\"", kUnsupported},
    {"PK_42", rebuild("_rebuild_sparse_tensor", num(1) + num(2)), "PK-SPARSE", "sparse tensor", kUnsupported},
    {"PK_LAZY_conj", with_metadata("}" + str("conj") + "\x88s"), "PK-LAZY", "still to be conjugated", kUnsupported},
    {"PK_LAZY_neg", with_metadata("}" + str("other") + "\x88s" + str("neg") + "\x88s"), "PK-LAZY", "still to be negated", kUnsupported},
    {"PK_LAZY_not", with_metadata("}" + str("neg") + "\x89s"), "", ""},
    {"PK_LAZY_none", with_metadata("N"), "", ""},
    {"PK_LAZY_kind", with_metadata(num(1)), "PK-ARGUMENT", "a tensor's metadata is a int"},
    {"PK_LAZY_many", with_metadata("}" + many_keys(17)), "PK-ARGUMENT", "a tensor's metadata is a dict"},
    {"PK_43_up", keyed("../../x"), "PK-STORAGE-KEY", "storage key \"../../x\"", kUnsafe},
    {"PK_43_absolute", keyed("/x"), "PK-STORAGE-KEY", "storage key \"/x\"", kUnsafe},
    {"PK_43_empty", keyed(""), "PK-STORAGE-KEY", "storage key \"\"", kUnsafe},
    {"PK_43_long", [] { return keyed(std::string(1'000'000, 'k')); }, "PK-STORAGE-KEY", "storage key \"kkk", kUnsafe},
    {"PK_43_nul", keyed("0\0"s), "PK-STORAGE-KEY", "storage key \"0\\x00\"", kUnsafe},
    {"PK_44_count", beside(tensor(storage("0", num(3)), num(0), ints({2}), ints({1}))), "PK-STORAGE-TWICE", "storage \"0\" declared twice"},
    {"PK_44_type", beside(tensor(storage("0", num(4), "IntStorage"), num(0), ints({2}), ints({1}))), "PK-STORAGE-TWICE", "storage \"0\" declared twice"},
    {"PK_45_negative", counted(num(-1)), "PK-STORAGE-COUNT", "storage of -1 elements"},
    {"PK_45_wraps", counted(num64((1ull << 62) + 1)), "PK-STORAGE-COUNT", "storage of 4611686018427387905"},
    {"PK_45_huge", counted("\x8a\x09" + little(1ull << 63) + "\0"s), "PK-ARGUMENT", "a storage's count is a int"},
    {"PK_45_bool", counted("\x88"), "PK-ARGUMENT", "a storage's count is a bool"},
    {"PK_45_float", counted("G" + little(0)), "PK-ARGUMENT", "a storage's count is a float"},
    {"PK_45_string", counted(str("4")), "PK-ARGUMENT", "a storage's count is a str"},
    {"PK_46", persistent(str("storage") + global("torch", "FloatStorage") + str("0") + str("cuda:99") + num(4)), "", ""},
    {"PK_47_negative", view(num(-1000), ints({2}), ints({1})), "PK-OFFSET", "offset -1000"},
    {"PK_47_past", view(num(5), ints({2}), ints({1})), "PK-OUTSIDE", "ends at element 7, its storage has 4"},
    {"PK_47_huge", view(num64((1ull << 63) - 1), ints({2}), ints({1})), "PK-OVERFLOW", "overflows"},
    {"PK_48", view(num(4), ints({0}), ints({1})), "", ""},
    {"PK_48_past", view(num(5), ints({0}), ints({1})), "PK-OUTSIDE", "ends at element 5"},
    {"PK_49", view(num(0), ints({1 << 28}), ints({1})), "PK-OUTSIDE", "ends at element 268435456, its storage has 4"},
    {"PK_50", view(num(0), ints({2}), ints({4})), "PK-OUTSIDE", "ends at element 5"},
    {"PK_51_size", view(num(0), ints({-2}), ints({1})), "PK-SIZE", "size -2"},
    {"PK_51_stride", view(num(3), ints({2}), ints({-1})), "PK-STRIDE", "stride -1"},
    {"PK_52", view(num(0), ints({2}), ints({2, 1})), "PK-RANK", "1 sizes and 2 strides"},
    {"PK_53", view(num(0), "(" + num64(1ull << 62) + "t", "(" + num64(1ull << 62) + "t"), "PK-OVERFLOW", "overflows"},
    {"PK_54", view(num(0), "(" + num64(1ull << 62) + num(4) + "t", ints({0, 0})), "PK-OVERFLOW", "overflows"},
    {"PK_55", view(num(0), "(" + num64(1ull << 40) + "t", ints({0})), "PK-EXPANDS", "expands to 4398046511104 bytes", kLimit},
    {"PK_56_transposed", view(num(0), ints({2, 2}), ints({1, 2})), "", ""},
    {"PK_56_overlapping", view(num(0), ints({2, 2}), ints({1, 1})), "", ""},
    {"PK_57", view(num(0), wide_dims(65), wide_dims(65)), "PK-RANK-LIMIT", "rank 65", kLimit},
    {"PK_58", weight(global("torch._utils", "_rebuild_tensor_v2") + "(" + storage("0", num(4)) + num(0) + ints({2}) + ints({1}) + "NNtR"), "PK-ARGUMENT", "requires_grad is a NoneType"},
    {"PK_58_hooks", weight(global("torch._utils", "_rebuild_tensor_v2") + "(" + storage("0", num(4)) + num(0) + ints({2}) + ints({1}) + "\x89" + num(7) + "tR"), "", ""},
    {"PK_60", raw(program("}(" + str("a") + num(1) + str("a") + num(2) + "u")), "PK-DUPLICATE-KEY", "duplicate key \"a\""},
    {"PK_60_joined", raw(program("}" + str("a.b") + plain_tensor() + "s" + str("a") + "}" + str("b") + plain_tensor() + "ss")), "PK-DUPLICATE", "tensor \"a.b\": duplicate name"},
    {"PK_61_bytes", only("}C\1a" + num(1) + "s"), "PK-KEY", "a bytes as a key"},
    {"PK_61_tuple", only("})" + num(1) + "s"), "PK-KEY", "a tuple as a key"},
    {"PK_61_float", only("}G" + little(0) + num(1) + "s"), "PK-KEY", "a float as a key"},
    {"PK_61_none", only("}N" + num(1) + "s"), "PK-KEY", "a NoneType as a key"},
    {"PK_61_bool", only("}\x88" + num(1) + "s"), "PK-KEY", "a bool as a key"},
    {"PK_61_integer", only("}" + num(7) + num(1) + "s"), "", ""},
    {"PK_61_empty", only("}" + str("") + num(1) + "s"), "PK-KEY-EMPTY", "an empty key"},
    {"PK_61_nul", only("}" + str("a\0b"s) + num(1) + "s"), "PK-KEY-NUL", "NUL in the key \"a\\x00b\""},
    {"PK_61_long", [] { return only("}" + str(std::string(1'000'000, 'k')) + num(1) + "s"); }, "PK-NAME-LIMIT", "a key of 1000000 bytes", kLimit},
    {"PK_62_dict", only("}}" + num(1) + "s"), "PK-KEY", "a dict as a key"},
    {"PK_62_list", only("}]" + num(1) + "s"), "PK-KEY", "a list as a key"},
    {"PK_62_tensor", only("}" + plain_tensor() + num(1) + "s"), "PK-KEY", "a tensor as a key"},
    {"PK_63", only(kOrderedDict + "}" + str("_metadata") + "}sb"), "", ""},
    {"PK_63_plain", only("}}b"), "PK-TARGET", "BUILD on a dict"},
    {"PK_64", beside(global("argparse", "Namespace") + ")\x81}" + str("lr") + num(1) + "sb"), "", ""},
    {"PK_65_object", beside(numpy_scalar("O8", "|", "12345678")), "PK-NUMPY-DTYPE", "dtype \"O8\"", kUnsupported},
    {"PK_65_short", beside(numpy_scalar("f8", "<", "1234")), "PK-NUMPY", "numpy scalar f8 of 4 bytes"},
    {"PK_66_zip", beside(global("_codecs", "encode") + "(" + str("x") + str("zip") + "tR"), "PK-CODEC", "codec \"zip\"", kUnsafe},
    {"PK_66_rot13", beside(global("_codecs", "encode") + "(" + str("x") + str("rot13") + "tR"), "PK-CODEC", "codec \"rot13\"", kUnsafe},
    {"PK_66_latin1", beside(global("_codecs", "encode") + "(" + str("\xc3\xa9") + str("latin1") + "tR"), "", ""},
    {"PK_67", beside(global("builtins", "bytearray") + "(" + num(0x7fffffff) + "tR"), "PK-BYTEARRAY", "2147483647 bytes", kLimit},
    {"PK_68", beside(global("pytorch_lightning.callbacks", "ModelCheckpoint") + ")\x81}b"), "", ""},
    {"PK_71", beside("N"), "PK-OPCODES", "more than 10 opcodes", kLimit, with_limit(&Limits::pickle_opcodes, 10)},
    {"PK_OBJECTS", beside("N"), "PK-OBJECTS", "more than 10 objects", kLimit, with_limit(&Limits::pickle_objects, 10)},
    {"PK_STACK_LIMIT", only(repeated("N", 20)), "PK-STACK-LIMIT", "more than 10 values", kLimit, with_limit(&Limits::pickle_stack, 10)},
    {"PK_MEMORY", beside("N"), "PK-MEMORY", "more than 100 bytes", kLimit, with_limit(&Limits::pickle_memory_bytes, 100)},
    {"PK_TENSORS", raw(program("}" + str("a") + plain_tensor() + "s" + str("b") + plain_tensor() + "s")), "PK-TENSORS", "more than 1 tensors", kLimit, with_limit(&Limits::tensors_per_file, 1)},
    {"PK_UNTYPED", persistent(str("storage") + global("torch.storage", "UntypedStorage") + str("0") + str("cpu") + num(16)), "PK-UNTYPED", "untyped storage"},
    {"PK_DTYPE", rebuild("_rebuild_tensor_v3", storage("0", num(4)) + num(0) + ints({2}) + ints({1}) + "\x89}" + global("torch", "float3")), "PK-DTYPE", "\"torch.float3\"", kUnsupported},
    {"PK_NUMBER", beside("Ixyz\n"), "PK-NUMBER", "\"xyz\""},
    {"PK_LINE", raw("\x80\x02I1"), "PK-LINE", "no newline"},
    {"PK_NO_MARK", only("t"), "PK-NO-MARK", "no MARK"},
  };
  int index = 0;
  for (const std::string& opcode : {"Px\n"s, "ios\nsystem\n"s, "(o"s, "\x82\1"s, "\x83\1\1"s, "\x84\1\1\1\1"s, "\x92"s, "\x96"s, "\x97"s, "\x98"s}) {
    rows.push_back({"PK_11_" + std::to_string(index++), beside(opcode), "PK-UNUSED", "opcode 0x", kUnsupported});
  }
  index = 0;
  for (const std::size_t bytes : {0, 8, 9, 10, 16}) {
    rows.push_back({"PK_30_valid_" + std::to_string(bytes), beside("\x8a" + little(bytes, 1) + std::string(bytes, '\1')), "", ""});
  }
  for (const char* module : {"os", "builtins", "posix", "nt", "subprocess", "runpy", "pip", "importlib", "operator", "functools", "torch", "torch.jit", "torch.hub"}) {
    const std::string call = global(module, "system") + "(" + str("touch x") + "tR";
    rows.push_back({"PK_33_beside_" + std::to_string(index), beside(call), "", ""});
    rows.push_back({"PK_33_feeds_" + std::to_string(index++), weight(tensor(call, num(0), ints({2}), ints({1}))), "PK-GLOBAL", "from global \""s + module + ".system\"", kUnsafe});
  }
  for (std::size_t arity = 0; arity <= 9; ++arity) {
    if (arity == 6 || arity == 7) continue;
    rows.push_back({"PK_36_" + std::to_string(arity), rebuild("_rebuild_tensor_v2", repeated("N", arity)), "PK-ARGUMENT", "_rebuild_tensor_v2 with " + std::to_string(arity) + " arguments"});
  }
  const std::vector<std::pair<std::string, std::size_t>> numbers = {
    {"f4", 4}, {"f8", 8}, {"i1", 1}, {"i2", 2}, {"i4", 4}, {"i8", 8}, {"u1", 1}, {"u2", 2}, {"u4", 4}, {"u8", 8}, {"b1", 1}};
  for (const auto& [type, bytes] : numbers) {
    for (const char* order : {"<", ">"}) {
      rows.push_back({"PK_65_" + type + (*order == '<' ? "_little" : "_big"), beside(numpy_scalar(type, order, std::string(bytes, '\1'))), "", ""});
    }
  }
  for (const char* type : {"QInt8Storage", "QUInt8Storage"}) {
    rows.push_back({"PK_41_"s + type, rebuild("_rebuild_qtensor", storage("0", num(16), type) + num(0) + ints({2}) + ints({1}) + "N\x89}"), "", ""});
  }
  return rows;
}

class PickleRows : public ContainerRows {};
TEST_P(PickleRows, HasItsVerdict) { expect_row(GetParam(), valid_torch_zip()); }
INSTANTIATE_TEST_SUITE_P(PK, PickleRows, testing::ValuesIn(pickle_rows()), row_name);

/// Every opcode that pickle knows.
std::vector<std::uint8_t> opcodes() {
  std::vector<std::uint8_t> all;
  for (const char c : "(.012FIJKLMNPQRSTUVXabcd}eghijl]opqrst)uGBC"s) all.push_back(static_cast<std::uint8_t>(c));
  for (int code = 0x80; code <= 0x98; ++code) all.push_back(static_cast<std::uint8_t>(code));
  return all;
}

TEST(PickleOpcodes, PK_13_EachOneOnAnEmptyStackIsAnErrorOrAValue) {
  for (const auto code : opcodes()) {
    const auto opened = open_bytes(raw(std::string("\x80\x02") + static_cast<char>(code) + std::string(16, '\0')));
    ASSERT_FALSE(opened) << int{code};
    EXPECT_TRUE(opened.error().code.starts_with("PK-")) << int{code} << opened.error();
  }
}

TEST(PickleOpcodes, PK_12_EachPrefixOfEachArgumentIsRefused) {
  const std::string long_argument = std::string(300, '\1');
  for (const auto code : opcodes()) {
    if (code == '.') continue;
    for (std::size_t length = 0; length < 12; ++length) {
      const std::string pickle = std::string("\x80\x02}") + static_cast<char>(code) + long_argument.substr(0, length);
      ASSERT_FALSE(open_bytes(raw(pickle))) << int{code} << " " << length;
    }
  }
}

TEST(PickleOpcodes, PK_14_EachOneOnEachKindOfOperandNeverGivesATensorOutsideItsStorage) {
  const std::vector<std::string> operands = {
    "N", "\x88", num(1), num64(1ull << 62), "G" + little(0), str("a"), "C\1a", ")", ints({1, 2}), "]", "}", "\x8f",
    global("os", "system"), global("os", "system") + ")R", storage("0", num(4)), plain_tensor(), kOrderedDict};
  for (const auto code : opcodes()) {
    for (const std::string& a : operands) {
      for (const std::string& b : operands) {
        const auto opened = open_bytes(raw("\x80\x02" + a + b + static_cast<char>(code) + "."));
        if (!opened) continue;
        for (const TensorEntry& tensor : opened->listing.tensors) {
          ASSERT_LE(tensor.offset + tensor.bytes, tensor.storage_offset + tensor.storage_bytes) << int{code};
        }
      }
    }
  }
}

TEST(PickleValues, PK_65_NumpyScalarsAreReadInBothByteOrders) {
  const auto text_of = [](const std::string& scalar) {
    const auto opened = open_bytes(beside(scalar));
    return opened && opened->listing.objects.size() == 1 ? opened->listing.objects[0].text : "?";
  };
  EXPECT_EQ(text_of(numpy_scalar("i2", "<", "\1\2"s)), "513");
  EXPECT_EQ(text_of(numpy_scalar("i2", ">", "\1\2"s)), "258");
  EXPECT_EQ(text_of(numpy_scalar("f4", "<", "\0\0\x80\x3f"s)), "1");
  EXPECT_EQ(text_of(numpy_scalar("i1", "<", "\xff"s)), "-1");
}

TEST(PickleValues, PK_22_SharedPartsAreListedOnce) {
  const auto opened = open_bytes(beside(doublings()));
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_LT(opened->listing.objects.size(), 200u);
}

TEST(PickleValues, PK_68_PK_69_UnknownObjectsAreNamedAndNothingBelowThemIsTaken) {
  const auto opened = open_bytes(beside(global("my", "Model") + ")\x81}" + str("w2") + plain_tensor() + "sb"));
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_EQ(opened->listing.tensors.size(), 1u);
  ASSERT_EQ(opened->listing.objects.size(), 1u);
  EXPECT_EQ(opened->listing.objects[0].path, "x");
  EXPECT_EQ(opened->listing.objects[0].kind, "global my.Model");
}

TEST(PickleValues, PK_41_QuantisedTensorsAreListedWithTheirOwnType) {
  const auto opened = open_bytes(rebuild("_rebuild_qtensor", storage("0", num(16), "QInt8Storage") + num(0) + ints({2}) + ints({1}) + "N\x89}"));
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_EQ(opened->listing.tensors.at(0).dtype, DType::kQI8);
}

std::string many_views(std::size_t count) {
  std::string value = global("torch._utils", "_rebuild_tensor_v2") + "q\0"s + storage("0", num(4)) + "q\1"s + "0" + "0}";
  for (std::size_t i = 0; i < count; ++i) {
    value += str("v" + std::to_string(i)) + "h\0(h\1"s + num(static_cast<int>(i % 4)) + ints({1}) + ints({1}) + "\x89NtRs";
  }
  return raw(program(value));
}

TEST(PickleValues, PK_73_ManyViewsOfOneStorageAreAccepted) {
  const auto opened = open_bytes(many_views(250'000));
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_EQ(opened->listing.tensors.size(), 250'000u);
}

TEST(NestedWeights, PK_70_AreNamedByTheirPath) {
  for (const char* key : {"state_dict", "model", "module", "ema"}) {
    const auto opened = open_bytes(only("}" + str("epoch") + num(3) + "s" + str(key) + dict_of(plain_tensor()) + "s"));
    ASSERT_TRUE(opened) << opened.error();
    ASSERT_EQ(opened->listing.tensors.size(), 1u);
    EXPECT_EQ(opened->listing.tensors[0].name, std::string(key) + ".w");
    EXPECT_EQ(opened->listing.objects.at(0).path, "epoch");
  }
}

/// Runs `work` on a thread with a stack of 256 KiB.
void on_small_stack(void (*work)()) {
  pthread_attr_t attributes;
  ASSERT_EQ(::pthread_attr_init(&attributes), 0);
  ASSERT_EQ(::pthread_attr_setstacksize(&attributes, 256 * 1024), 0);
  pthread_t thread{};
  const auto run = [](void* argument) -> void* {
    reinterpret_cast<void (*)()>(argument)();
    return nullptr;
  };
  ASSERT_EQ(::pthread_create(&thread, &attributes, run, reinterpret_cast<void*>(work)), 0);
  ::pthread_join(thread, nullptr);
  ::pthread_attr_destroy(&attributes);
}

TEST(SmallStack, DeepInputOfEveryParserFitsIn256KiB) {
  on_small_stack([] {
    EXPECT_EQ(open_bytes(beside(")" + repeated("\x85", 3'000'000))).error().code, "PK-NESTING");
    EXPECT_EQ(open_bytes(beside(repeated("]", 900'000) + repeated("a", 899'999))).error().code, "PK-NESTING");
    EXPECT_EQ(open_bytes(beside(")" + repeated("\x85", 990))).has_value(), true);
    EXPECT_EQ(open_bytes(safetensors("{\"t\":" + repeated("[", 100'000))).error().code, "ST-DEPTH");
    EXPECT_EQ(open_bytes(safetensors(repeated("{\"a\":", 100'000))).error().code, "ST-DEPTH");
    TorchTar tar;
    tar.pickle = program("}" + str("w") + str("200") + "Qs" + str("x") + ")" + repeated("\x85", 3'000'000) + "s");
    EXPECT_EQ(open_bytes(tar.bytes()).error().code, "PK-NESTING");
    Gguf arrays;
    arrays.value = Gguf::text("k") + little(9, 4) + repeated(little(9, 4) + little(1), 100'000);
    EXPECT_EQ(open_bytes(arrays.bytes()).error().code, "GG-TYPE");
    EXPECT_TRUE(open_bytes(Gguf().bytes()));
    const TempDir dir;
    for (const char* deep : {"[", "{\"a\":"}) {
      const auto index = dir.write("model.safetensors.index.json", "{\"weight_map\":" + repeated(deep, 100'000));
      EXPECT_EQ(open_checkpoint(index).error().code, "IX-DEPTH");
    }
    for (const char* file : {"checkpoint.pt", "checkpoint.legacy.pt", "script.pt"}) {
      EXPECT_TRUE(open_bytes(read_file(source_dir() / "tests/data/torch" / file))) << file;
    }
  });
}

}  // namespace
}  // namespace tenon::test
