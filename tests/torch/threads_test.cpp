// Loads on several threads at once, of one file and of different ones.
#include <gtest/gtest.h>

#include <functional>
#include <latch>
#include <thread>

#include <ATen/ops/equal.h>

#include <tenon/load.h>

#include "tests/support/paths.h"
#include "tests/support/torch/golden.h"

namespace tenon {
namespace {

constexpr int kThreads = 4;
constexpr int kRounds = 3;

struct File {
  std::string path;
  LoadOptions options;
};

std::vector<File> files() {
  const auto digits = test::source_dir() / "tests" / "data" / "digits";
  std::vector<File> all = {{(digits / "timm").string(), {}},
                           {(digits / "transformers").string(), {}},
                           {(digits / "training" / "checkpoint.pt").string(), {}},
                           {(test::golden_folder("unet", "sd1_diffusers") / "checkpoint.safetensors").string(), {}}};
  all[1].options.io = IoMode::kRead;
  all[2].options.dtype = DType::kF64;
  all[3].options.set = test::Golden("unet", "sd1_diffusers").set();
  return all;
}

/// The names of the tensors that are not what a load on one thread gave; the error of a load that failed.
std::vector<std::string> differences(const torch::nn::Module& expected, const File& file) {
  const auto loaded = load_any(file.path, file.options);
  if (!loaded) return {loaded.error().message};
  std::vector<std::string> names;
  const auto own = expected.named_parameters();
  for (const auto& item : loaded->model->named_parameters()) {
    if (!at::equal(item.value(), own[item.key()])) names.push_back(item.key());
  }
  if (loaded->report.audit->without_origin != 0) names.emplace_back("a tensor without origin");
  return names;
}

/// Every thread loads `file_of(thread, round)`, all beginning together.
void expect_the_same(const std::function<std::size_t(int thread, int round)>& file_of) {
  const auto all = files();
  std::vector<std::shared_ptr<torch::nn::Module>> alone;
  for (const File& file : all) {
    const auto loaded = load_any(file.path, file.options);
    ASSERT_TRUE(loaded) << loaded.error().message;
    alone.push_back(loaded->model);
  }
  std::latch begin(kThreads);
  std::vector<std::vector<std::string>> wrong(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      begin.arrive_and_wait();
      for (int round = 0; round < kRounds; ++round) {
        const auto file = file_of(t, round);
        const auto names = differences(*alone[file], all[file]);
        wrong[static_cast<std::size_t>(t)].insert(wrong[static_cast<std::size_t>(t)].end(), names.begin(), names.end());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& names : wrong) EXPECT_TRUE(names.empty()) << names.front();
}

TEST(Threads, LoadTheSameFile) {
  for (std::size_t file = 0; file < files().size(); ++file) {
    expect_the_same([&](int, int) { return file; });
  }
}

TEST(Threads, LoadDifferentFiles) {
  expect_the_same([](int thread, int round) { return static_cast<std::size_t>(thread + round) % files().size(); });
}

// The tables are parsed on first use, here by all threads at once: this test has a process of its own.
TEST(Threads, ParseTheTablesOnce) {
  const auto path = files()[0].path;
  std::latch begin(kThreads);
  std::vector<std::string> families(kThreads);
  std::vector<std::thread> threads;
  for (auto& family : families) {
    threads.emplace_back([&] {
      begin.arrive_and_wait();
      const auto planned = plan_any(path);
      family = planned ? planned->report.family : planned.error().message;
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& family : families) EXPECT_EQ(family, "vit");
}

}  // namespace
}  // namespace tenon
