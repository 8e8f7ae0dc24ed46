#include <gtest/gtest.h>

#include <map>
#include <random>

#include <ATen/ops/rand.h>
#include <ATen/ops/zeros.h>

#include <tenon/family_module.h>
#include <tenon/nn/spec_of.h>

#include "models/vit/vit.h"
#include "tests/support/torch/golden.h"
#include "tests/support/vit_files.h"

namespace tenon {
namespace {

class VitGolden : public testing::TestWithParam<std::string> {};

TEST_P(VitGolden, ComputesWhatTheReferenceComputes) {
  const test::Golden golden("vit", GetParam());
  const auto outputs = golden.outputs();
  ASSERT_TRUE(outputs) << outputs.error().message << "\n" << outputs.error().remedy;
  EXPECT_LE(golden.error(*outputs), golden.tolerance());
}

TEST_P(VitGolden, WouldNoticeAMistake) {
  const test::Golden golden("vit", GetParam());
  ASSERT_FALSE(golden.mutants().empty());
  for (const auto& mutant : golden.mutants()) {
    const auto outputs = golden.outputs_of(mutant);
    ASSERT_TRUE(outputs) << mutant.name << ": " << outputs.error().message;
    EXPECT_GE(golden.error(*outputs), 10 * golden.tolerance()) << mutant.name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, VitGolden, testing::ValuesIn(test::golden_names("vit")), [](const auto& instance) {
  return instance.param;
});

const FamilyModule& vit() {
  for (const auto& family : builtin_family_modules()) {
    if (family.name == "vit") return family;
  }
  throw std::logic_error("vit is not built in");
}

Config small_vit() {
  Config config;
  config.set("img_size", 8);
  config.set("patch_size", 4);
  config.set("embed_dim", 8);
  config.set("depth", 1);
  config.set("num_heads", 2);
  config.set("mlp_hidden", 16);
  return config;
}

struct BadValue {
  const char* key;
  Value value;
};

TEST(VitConfig, RefusesImpossibleValuesAndNamesTheKey) {
  ASSERT_TRUE(models::VitConfig::from(small_vit()));
  const std::vector<BadValue> faults{{"embed_dim", 0},
                                  {"embed_dim", "wide"},
                                  {"depth", std::int64_t{1} << 40},
                                  {"num_heads", 3},
                                  {"patch_size", Value::List{4}},
                                  {"img_size", 3},
                                  {"qk_norm", "all"},
                                  {"act", "mish"},
                                  {"norm_eps", -1.0},
                                  {"class_token", 3}};
  for (const auto& fault : faults) {
    auto config = small_vit();
    config.set(fault.key, fault.value);
    const auto parsed = models::VitConfig::from(config);
    ASSERT_FALSE(parsed) << fault.key;
    EXPECT_EQ(parsed.error().code, "TN-CONFIG-VALUE");
    EXPECT_NE(parsed.error().message.find(fault.key), std::string::npos) << parsed.error().message;
  }
}

TEST(Vit, NeedsTheTensorsThatTimmSavesOfAModelOfAnySize) {
  std::mt19937 generator(7);
  for (const auto& writer : test::vit_writers()) {
    if (writer.layout != "timm") continue;
    for (int round = 0; round < 50; ++round) {
      const std::int64_t side = 1 + round % 7;
      const auto size = test::draw_vit(writer, generator, {side, 2 * side}, {side, 8 - side}, 1 + round % 3);
      std::map<std::string, Shape> saved;
      for (const auto& tensor : test::vit_file(writer, size)) saved[tensor.name] = tensor.shape;
      const auto module = vit().make(size.config());
      ASSERT_TRUE(module) << module.error().message << ": " << size;
      std::map<std::string, Shape> needed;
      for (const auto& tensor : spec_of(**module).tensors) needed[tensor.name] = tensor.type.shape;
      ASSERT_EQ(needed, saved) << size;
    }
  }
}

TEST(Vit, NeedsNoHeadCountToListItsTensors) {
  auto config = small_vit();
  config.erase("num_heads");
  const auto module = vit().make(config);
  ASSERT_TRUE(module);
  EXPECT_EQ(spec_of(**module).tensors.size(), 18U);
  const auto outputs = vit().run(**module, config, {{"pixel_values", at::rand({1, 3, 8, 8})}});
  ASSERT_FALSE(outputs);
  EXPECT_EQ(outputs.error().code, "TN-CONFIG-VALUE");
}

TEST(Vit, RefusesInputsThatDoNotFit) {
  const auto module = vit().make(small_vit());
  ASSERT_TRUE(module);
  const auto good = at::rand({1, 3, 8, 8});
  ASSERT_TRUE(vit().run(**module, small_vit(), {{"pixel_values", good}}));

  const std::vector<std::pair<NamedTensors, std::string>> faults{
      {{}, "TN-INPUT-MISSING"},
      {{{"pixel_values", at::rand({3, 8, 8})}}, "TN-INPUT-SHAPE"},
      {{{"pixel_values", at::rand({1, 1, 8, 8})}}, "TN-INPUT-SHAPE"},
      {{{"pixel_values", at::rand({1, 3, 8, 12})}}, "TN-INPUT-SHAPE"},
      {{{"pixel_values", at::rand({0, 3, 8, 8})}}, "TN-INPUT-SHAPE"},
      {{{"pixel_values", at::zeros({1, 3, 8, 8}, at::kLong)}}, "TN-INPUT-DTYPE"},
      {{{"pixel_values", good}, {"pixels", good}}, "TN-INPUT-UNKNOWN"},
  };
  for (const auto& [inputs, code] : faults) {
    const auto outputs = vit().run(**module, small_vit(), inputs);
    ASSERT_FALSE(outputs) << code;
    EXPECT_EQ(outputs.error().code, code);
    EXPECT_EQ(outputs.error().kind, ErrorKind::kUsage);
    EXPECT_NE(outputs.error().message.find("input \"pixel"), std::string::npos) << outputs.error().message;
  }
}

}  // namespace
}  // namespace tenon
