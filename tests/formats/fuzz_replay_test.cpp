// Every seed and every past finding of the fuzzers (tests/fuzz), once, through the same functions; and seeded mutations of
// the seeds, so that each run looks at a few thousand inputs that nobody wrote.
#include <filesystem>
#include <random>

#include <gtest/gtest.h>

#include "tests/support/fuzz_targets.h"
#include "tests/support/paths.h"
#include "tests/support/temp_dir.h"

namespace tenon::test {
namespace {

std::vector<std::string> inputs(std::string_view folder, std::string_view target) {
  const auto path = source_dir() / "tests/fuzz" / folder / target;
  std::vector<std::string> all;
  if (!std::filesystem::exists(path)) return all;
  for (const auto& file : std::filesystem::directory_iterator(path)) all.push_back(read_file(file.path()));
  return all;
}

class FuzzReplay : public testing::TestWithParam<FuzzTarget> {};

TEST_P(FuzzReplay, KeepsItsPromisesOnSeedsAndPastFindings) {
  const auto seeds = inputs("seeds", GetParam().name);
  ASSERT_FALSE(seeds.empty());
  for (const std::string& input : seeds) GetParam().run(input);
  for (const std::string& input : inputs("findings", GetParam().name)) GetParam().run(input);
}

TEST_P(FuzzReplay, KeepsItsPromisesOnMutatedSeeds) {
  std::mt19937_64 random(20);
  for (const std::string& seed : inputs("seeds", GetParam().name)) {
    for (int round = 0; round < 500; ++round) {
      std::string input = seed;
      for (std::uint64_t edits = 1 + random() % 4; edits > 0 && !input.empty(); --edits) {
        const auto at = random() % input.size();
        switch (random() % 3) {
          case 0:
            input[at] = static_cast<char>(random());
            break;
          case 1:
            input.erase(at, 1 + random() % 8);
            break;
          default:
            input.insert(at, input.substr(random() % input.size(), 1 + random() % 8));
        }
      }
      GetParam().run(input);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, FuzzReplay, testing::ValuesIn(fuzz_targets()), [](const auto& target) {
  return std::string(target.param.name);
});

}  // namespace
}  // namespace tenon::test
