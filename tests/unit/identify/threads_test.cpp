// Checkpoints and tables are immutable: four threads open, identify and map the same and different files at once.
#include <functional>
#include <latch>
#include <thread>

#include <gtest/gtest.h>

#include <tenon/identify.h>

#include "tests/support/paths.h"

namespace tenon {
namespace {

constexpr std::size_t kThreads = 4;
constexpr std::size_t kRounds = 5;

const std::vector<std::string>& files() {
  static const std::vector<std::string> paths = {"data/digits/timm/model.safetensors",
                                                 "data/digits/training/checkpoint.pt",
                                                 "golden/clip/open_clip_vit/checkpoint.safetensors",
                                                 "golden/unet/sd1_ldm/checkpoint.safetensors"};
  return paths;
}

/// Every row that a file's mapping uses, in a line each.
std::string mapping_of(const Checkpoint& checkpoint) {
  const auto identity = identify(checkpoint, *builtin_tables());
  if (!identity) return identity.error().message;
  std::string text;
  for (const Part& part : identity->parts) {
    text += part.part + " " + part.family + "/" + part.variant + " " + part.layout + "\n";
    if (!part.buildable) continue;
    for (const MappedTensor& tensor : map_part(checkpoint, part).tensors) text += tensor.target + " " + tensor.rule + "\n";
  }
  return text;
}

std::shared_ptr<const Checkpoint> open(std::size_t file) {
  auto opened = open_checkpoint((test::source_dir() / "tests" / files()[file]).string());
  return opened ? *opened : std::make_shared<const Checkpoint>();
}

/// What each thread finds, all beginning together; `file_of(thread, round)` says where.
void expect_the_same(const std::function<std::string(std::size_t thread, std::size_t round)>& found,
                     const std::function<std::size_t(std::size_t thread, std::size_t round)>& file_of) {
  std::vector<std::vector<std::string>> texts(kThreads);
  std::latch begin(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      begin.arrive_and_wait();
      for (std::size_t round = 0; round < kRounds; ++round) texts[t].push_back(found(t, round));
    });
  }
  for (auto& thread : threads) thread.join();
  for (std::size_t t = 0; t < kThreads; ++t) {
    for (std::size_t round = 0; round < kRounds; ++round) {
      const auto alone = mapping_of(*open(file_of(t, round)));
      EXPECT_NE(alone.find('#'), std::string::npos) << files()[file_of(t, round)];
      EXPECT_EQ(texts[t][round], alone);
    }
  }
}

TEST(Threads, OpenAndIdentifyTheSameFile) {
  const auto file = [](std::size_t, std::size_t) { return std::size_t{1}; };
  expect_the_same([&](std::size_t, std::size_t) { return mapping_of(*open(1)); }, file);
}

TEST(Threads, OpenAndIdentifyDifferentFiles) {
  const auto file = [](std::size_t thread, std::size_t round) { return (thread + round) % files().size(); };
  expect_the_same([&](std::size_t t, std::size_t r) { return mapping_of(*open(file(t, r))); }, file);
}

TEST(Threads, ShareOneCheckpoint) {
  const auto shared = open(3);
  expect_the_same([&](std::size_t, std::size_t) { return mapping_of(*shared); }, [](std::size_t, std::size_t) { return std::size_t{3}; });
}

}  // namespace
}  // namespace tenon
