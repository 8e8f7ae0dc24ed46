#include <tenon/checkpoint.h>

#include <cstring>
#include <filesystem>

#include <gtest/gtest.h>

#include "tests/support/paths.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/temp_dir.h"

namespace tenon {
namespace {

using test::entry;
using test::safetensors;
using test::TempDir;

std::string one(std::string_view name) { return safetensors("{" + entry(name, "U8", "[2]", 0, 2) + "}", "ab"); }

std::vector<std::string> names(const Checkpoint& checkpoint) {
  std::vector<std::string> out;
  for (const auto& tensor : checkpoint.tensors) out.push_back(tensor.name);
  return out;
}

std::vector<std::string> config_names(const Checkpoint& checkpoint) {
  std::vector<std::string> out;
  for (const auto& config : checkpoint.configs) out.push_back(std::filesystem::path(config.path).filename());
  return out;
}

std::shared_ptr<const Checkpoint> opened(const std::string& path) {
  auto checkpoint = open_checkpoint(path);
  EXPECT_TRUE(checkpoint) << checkpoint.error();
  return checkpoint ? *checkpoint : std::make_shared<const Checkpoint>();
}

using Names = std::vector<std::string>;

TEST(OpenFile, ListsTensorsSortedByTheirBytes) {
  TempDir dir;
  const auto path = dir.write(
    "m.safetensors", safetensors("{" + entry("b", "F16", "[2,2]", 0, 8) + "," + entry("a", "U8", "[]", 8, 9) + "}", "12345678x"));
  const auto checkpoint = opened(path);
  EXPECT_EQ(names(*checkpoint), (Names{"a", "b"}));
  const TensorEntry* b = checkpoint->find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->shape, (Shape{2, 2}));
  EXPECT_EQ(b->bytes, 8u);
  EXPECT_TRUE(b->strides.empty());
  EXPECT_EQ(checkpoint->find("c"), nullptr);
  EXPECT_EQ(checkpoint->total_bytes(), 9u);
}

TEST(OpenFile, ReadsTheBytesOfATensor) {
  TempDir dir;
  const auto checkpoint = opened(dir.write("m.safetensors", one("w")));
  std::string out(2, '\0');
  ASSERT_TRUE(read_tensor(*checkpoint, *checkpoint->find("w"), std::as_writable_bytes(std::span(out.data(), 2))));
  EXPECT_EQ(out, "ab");
}

TEST(OpenFile, RealFileOpens) {
  const auto checkpoint = opened((test::source_dir() / "tests/data/digits/timm/model.safetensors").string());
  EXPECT_GT(checkpoint->tensors.size(), 10u);
  EXPECT_EQ(config_names(*checkpoint), Names{"config.json"});
}

TEST(Siblings, AStemThatMatchesIsUsed) {
  TempDir dir;
  dir.write("a.json", "{}");
  dir.write("b.json", "{}");
  dir.write("b.safetensors", one("w"));
  EXPECT_EQ(config_names(*opened(dir.write("a.safetensors", one("w")))), Names{"a.json"});
}

TEST(Siblings, TheFoldersConfigIsUsedOnlyByTheOnlyCheckpoint) {
  TempDir dir;
  dir.write("config.json", "{}");
  const auto path = dir.write("a.safetensors", one("w"));
  EXPECT_EQ(config_names(*opened(path)), Names{"config.json"});
  dir.write("b.ckpt", "");
  EXPECT_EQ(config_names(*opened(path)), Names{});
}

TEST(Siblings, AnUnreadableConfigIsANote) {
  TempDir dir;
  std::filesystem::create_directory(dir / "config.json");
  const auto checkpoint = opened(dir.write("a.safetensors", one("w")));
  ASSERT_EQ(checkpoint->notes.size(), 1u);
  EXPECT_EQ(checkpoint->notes[0].code, "IO-CONFIG");
}

TEST(OpenFolder, TakesTheWeightsThatLibrariesName) {
  TempDir dir;
  dir.write("config.json", "{}");
  dir.write("pytorch_model.bin", "not read");
  dir.write("model.safetensors", one("w"));
  const auto checkpoint = opened(dir.path().string());
  EXPECT_EQ(checkpoint->container, Container::kDirectory);
  EXPECT_EQ(names(*checkpoint), Names{"w"});
  EXPECT_EQ(config_names(*checkpoint), Names{"config.json"});
  EXPECT_TRUE(checkpoint->folder_parts.empty());
}

TEST(OpenFolder, SaysWhichCheckpointsItDidNotTake) {
  TempDir dir;
  dir.write("model.safetensors", one("w"));
  EXPECT_TRUE(opened(dir.path().string())->notes.empty());
  dir.write("pytorch_model.bin", "not read");
  const auto checkpoint = opened(dir.path().string());
  ASSERT_EQ(checkpoint->notes.size(), 1u);
  EXPECT_EQ(checkpoint->notes[0].code, "IX-BESIDE");
  EXPECT_NE(checkpoint->notes[0].message.find("\"model.safetensors\" is read; beside it and not read: \"pytorch_model.bin\""), std::string::npos)
    << checkpoint->notes[0].message;
}

TEST(OpenFolder, TakesAVariantWhereNothingElseIs) {
  TempDir dir;
  dir.write("model.fp16.safetensors", one("w"));
  EXPECT_EQ(names(*opened(dir.path().string())), Names{"w"});
}

TEST(OpenFolder, TakesTheOnlyCheckpointWhateverItsName) {
  TempDir dir;
  dir.write("my-run.safetensors", one("w"));
  dir.write("README.md", "text");
  EXPECT_EQ(names(*opened(dir.path().string())), Names{"w"});
}

TEST(OpenFolder, RefusesToChooseBetweenCheckpoints) {
  TempDir dir;
  dir.write("a.safetensors", one("w"));
  dir.write("b.safetensors", one("w"));
  const auto checkpoint = open_checkpoint(dir.path().string());
  ASSERT_FALSE(checkpoint);
  EXPECT_EQ(checkpoint.error().code, "IX-SEVERAL");
  EXPECT_EQ(checkpoint.error().kind, ErrorKind::kUsage);
}

TEST(OpenFolder, RefusesAnEmptyFolder) {
  TempDir dir;
  const auto checkpoint = open_checkpoint(dir.path().string());
  ASSERT_FALSE(checkpoint);
  EXPECT_EQ(checkpoint.error().code, "IX-NOTHING");
  EXPECT_EQ(checkpoint.error().kind, ErrorKind::kNotFound);
}

TEST(OpenPipeline, PrefixesEachPartWithItsFolder) {
  TempDir dir;
  dir.write("model_index.json",
            R"({"_class_name":"P","scheduler":["diffusers","S"],"unet":["diffusers","U"],"vae":["diffusers","V"],"x":[null,null]})");
  dir.write("unet/diffusion_pytorch_model.safetensors", one("conv.weight"));
  dir.write("unet/config.json", "{}");
  dir.write("vae/diffusion_pytorch_model.safetensors", one("conv.weight"));
  dir.write("scheduler/scheduler_config.json", "{}");
  const auto checkpoint = opened(dir.path().string());
  EXPECT_EQ(names(*checkpoint), (Names{"unet.conv.weight", "vae.conv.weight"}));
  EXPECT_EQ(checkpoint->folder_parts, (Names{"unet.", "vae."}));
  EXPECT_EQ(checkpoint->files.size(), 2u);
  ASSERT_EQ(checkpoint->configs.size(), 1u);
  EXPECT_TRUE(checkpoint->configs[0].path.ends_with("unet/config.json"));
  EXPECT_NE(checkpoint->tensors[0].storage, checkpoint->tensors[1].storage);
}

TEST(SplitArgument, SplitsAtTheLastDoubleColonUnlessThePathExists) {
  TempDir dir;
  EXPECT_EQ(split_argument("a::b::unet").path, "a::b");
  EXPECT_EQ(split_argument("a::b::unet").part, "unet");
  EXPECT_EQ(split_argument("a.safetensors").part, "");
  const auto path = dir.write("a::b", "");
  EXPECT_EQ(split_argument(path).path, path);
  EXPECT_EQ(split_argument(path).part, "");
}

}  // namespace
}  // namespace tenon
