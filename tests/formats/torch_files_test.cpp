// Files that torch.save wrote (tests/data/torch), held against what torch itself reads from them.
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include <tenon/checkpoint.h>

#include "tests/support/paths.h"
#include "tests/support/temp_dir.h"

namespace tenon {
namespace {

struct Expected {
  std::string dtype;
  std::string shape;
  std::string hex;
};
using ExpectedFile = std::map<std::string, Expected>;

const std::map<std::string, DType> kDtypes = {
  {"float64", DType::kF64},
  {"float32", DType::kF32},
  {"float16", DType::kF16},
  {"bfloat16", DType::kBF16},
  {"int64", DType::kI64},
  {"int32", DType::kI32},
  {"int16", DType::kI16},
  {"int8", DType::kI8},
  {"uint8", DType::kU8},
  {"uint16", DType::kU16},
  {"uint32", DType::kU32},
  {"uint64", DType::kU64},
  {"bool", DType::kBool},
  {"complex32", DType::kC32},
  {"complex64", DType::kC64},
  {"complex128", DType::kC128},
  {"float8_e4m3fn", DType::kF8E4M3},
  {"float8_e5m2", DType::kF8E5M2},
  {"float8_e4m3fnuz", DType::kF8E4M3Fnuz},
  {"float8_e5m2fnuz", DType::kF8E5M2Fnuz},
  {"float8_e8m0fnu", DType::kF8E8M0},
};

std::map<std::string, ExpectedFile> read_expected() {
  std::ifstream in(test::source_dir() / "tests/data/torch/expected.txt");
  std::map<std::string, ExpectedFile> files;
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    std::string file;
    std::string name;
    Expected expected;
    fields >> file >> name >> expected.dtype;
    std::getline(fields, expected.shape, ']');
    expected.shape = expected.shape.substr(1) + "]";
    fields >> expected.hex;
    files[file][name] = expected;
  }
  return files;
}

std::string hex_of(const Checkpoint& checkpoint, const TensorEntry& entry) {
  std::vector<std::byte> bytes(entry.bytes);
  const auto read = read_tensor(checkpoint, entry, bytes);
  EXPECT_TRUE(read) << read.error();
  std::string hex;
  for (const std::byte byte : bytes) {
    hex += "0123456789abcdef"[static_cast<unsigned>(byte) >> 4];
    hex += "0123456789abcdef"[static_cast<unsigned>(byte) & 15];
  }
  return hex;
}

std::shared_ptr<const Checkpoint> open(const std::string& name) {
  const auto checkpoint = open_checkpoint((test::source_dir() / "tests/data/torch" / (name + ".pt")).string());
  EXPECT_TRUE(checkpoint) << checkpoint.error();
  return checkpoint ? *checkpoint : std::make_shared<const Checkpoint>();
}

void expect_as_torch_reads_it(const std::string& file, Container container) {
  const ExpectedFile expected = read_expected()[file];
  ASSERT_FALSE(expected.empty()) << file;
  const auto checkpoint = open(file);
  EXPECT_EQ(checkpoint->container, container) << file;
  EXPECT_EQ(checkpoint->tensors.size(), expected.size()) << file;
  for (const auto& [name, tensor] : expected) {
    const TensorEntry* found = checkpoint->find(name);
    ASSERT_NE(found, nullptr) << file << " " << name;
    EXPECT_EQ(found->dtype, kDtypes.at(tensor.dtype)) << file << " " << name;
    EXPECT_EQ(to_string(found->shape), tensor.shape) << file << " " << name;
    EXPECT_EQ(hex_of(*checkpoint, *found), tensor.hex) << file << " " << name;
  }
}

const InertObject* object(const Checkpoint& checkpoint, std::string_view path) {
  for (const InertObject& o : checkpoint.objects) {
    if (o.path == path) return &o;
  }
  return nullptr;
}

TEST(TorchZip, PK74_ReadsAPlainStateDict) { expect_as_torch_reads_it("state_dict", Container::kTorchZip); }
TEST(TorchZip, ReadsEveryDtype) { expect_as_torch_reads_it("dtypes", Container::kTorchZip); }
TEST(TorchZip, PK56_ReadsEveryKindOfView) { expect_as_torch_reads_it("views", Container::kTorchZip); }
TEST(TorchZip, ReadsParameters) { expect_as_torch_reads_it("parameters", Container::kTorchZip); }
TEST(TorchZip, JoinsNestedDictsListsAndTuplesWithDots) { expect_as_torch_reads_it("nested", Container::kTorchZip); }
TEST(TorchZip, ReadsATrainingCheckpoint) { expect_as_torch_reads_it("checkpoint", Container::kTorchZip); }
TEST(TorchZip, NamesABareTensor) { expect_as_torch_reads_it("bare", Container::kTorchZip); }
TEST(TorchZip, PK06_ReadsProtocols3To5) {
  for (const char* file : {"protocol3", "protocol4", "protocol5"}) expect_as_torch_reads_it(file, Container::kTorchZip);
}
TEST(TorchScript, TS02_ReadsTheWeightsOfAScriptedModule) { expect_as_torch_reads_it("script", Container::kTorchScript); }

TEST(TorchScript, TS_03_NoHookOfTheProgramRuns) {
  test::TempDir dir;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(dir.path());
  const auto checkpoint = open("hook");
  std::filesystem::current_path(before);
  EXPECT_EQ(checkpoint->container, Container::kTorchScript);
  ASSERT_EQ(checkpoint->tensors.size(), 1u);
  EXPECT_EQ(hex_of(*checkpoint, checkpoint->tensors[0]), "000000000000803f");
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(TorchLegacy, LG01_ReadsWhatOldTorchWrote) {
  for (const char* file : {"state_dict.legacy", "views.legacy", "checkpoint.legacy", "tied.legacy"}) {
    expect_as_torch_reads_it(file, Container::kTorchLegacy);
  }
}

TEST(TorchZip, PK72_KeepsTiedTensorsTied) {
  const auto checkpoint = open("tied");
  ASSERT_EQ(checkpoint->tensors.size(), 2u);
  EXPECT_EQ(checkpoint->tensors[0].storage, checkpoint->tensors[1].storage);
  EXPECT_EQ(checkpoint->tensors[0].offset, checkpoint->tensors[1].offset);
}

TEST(TorchZip, ViewsShareTheirStorage) {
  const auto checkpoint = open("views");
  const TensorEntry* transposed = checkpoint->find("transposed");
  ASSERT_NE(transposed, nullptr);
  EXPECT_EQ(transposed->strides, (std::vector<std::int64_t>{1, 6}));
  EXPECT_EQ(transposed->storage, checkpoint->find("base")->storage);
  EXPECT_TRUE(checkpoint->find("base")->strides.empty());
}

TEST(TorchZip, KnowsWhatRequiresGrad) {
  const auto checkpoint = open("parameters");
  EXPECT_TRUE(checkpoint->find("weight")->requires_grad);
  EXPECT_FALSE(checkpoint->find("frozen")->requires_grad);
}

TEST(TorchZip, PK68_ListsWhatElseIsThereAsInertObjects) {
  const auto checkpoint = open("checkpoint");
  const std::map<std::string, std::pair<std::string, std::string>> expected = {
    {"epoch", {"int", "3"}},
    {"best", {"float", "0.5"}},
    {"args", {"global argparse.Namespace", ""}},
    {"names", {"list", ""}},
    {"shape", {"tuple", ""}},
    {"dtype", {"global torch.float16", ""}},
    {"done", {"bool", "True"}},
    {"note", {"NoneType", ""}},
    {"optimizer.param_groups.0.lr", {"float", "0.001"}},
    {"optimizer.param_groups.0.params", {"list", ""}},
  };
  for (const auto& [path, what] : expected) {
    const InertObject* found = object(*checkpoint, path);
    ASSERT_NE(found, nullptr) << path;
    EXPECT_EQ(found->kind, what.first) << path;
    EXPECT_EQ(found->text, what.second) << path;
  }
}

TEST(TorchZip, PK69_TakesNoTensorFromAPickledModule) {
  const auto checkpoint = open("module");
  EXPECT_TRUE(checkpoint->tensors.empty());
  ASSERT_EQ(checkpoint->objects.size(), 1u);
  EXPECT_EQ(checkpoint->objects[0].kind, "global __main__.Net");
}

}  // namespace
}  // namespace tenon
