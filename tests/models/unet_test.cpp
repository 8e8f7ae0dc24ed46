#include <gtest/gtest.h>

#include <ATen/ops/rand.h>
#include <ATen/ops/zeros.h>

#include <tenon/family_module.h>
#include <tenon/nn/spec_of.h>

#include <tenon/models/unet/unet.h>

#include "tests/support/torch/golden.h"

namespace tenon {
namespace {

class UnetGolden : public testing::TestWithParam<std::string> {};

TEST_P(UnetGolden, ComputesWhatTheReferenceComputes) {
  const test::Golden golden("unet", GetParam());
  const auto outputs = golden.outputs();
  ASSERT_TRUE(outputs) << outputs.error().message << "\n" << outputs.error().remedy;
  EXPECT_LE(golden.error(*outputs), golden.tolerance());
}

TEST_P(UnetGolden, WouldNoticeAMistake) {
  const test::Golden golden("unet", GetParam());
  ASSERT_FALSE(golden.mutants().empty());
  for (const auto& mutant : golden.mutants()) {
    const auto outputs = golden.outputs_of(mutant);
    ASSERT_TRUE(outputs) << mutant.name << ": " << outputs.error().message;
    EXPECT_GE(golden.error(*outputs), 10 * golden.tolerance()) << mutant.name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, UnetGolden, testing::ValuesIn(test::golden_names("unet")), [](const auto& param) {
  return param.param;
});

const FamilyModule& unet() {
  for (const auto& family : builtin_family_modules()) {
    if (family.name == "unet") return family;
  }
  throw std::logic_error("unet is not built in");
}

/// Two levels, the first attends.
Config small_unet() {
  Config config;
  config.set("block_out_channels", Value::List{8, 16});
  config.set("layers_per_block", 1);
  config.set("down_block_types", Value::List{"CrossAttnDownBlock2D", "DownBlock2D"});
  config.set("up_block_types", Value::List{"UpBlock2D", "CrossAttnUpBlock2D"});
  config.set("cross_attention_dim", 12);
  config.set("attention_head_dim", 2);
  config.set("norm_num_groups", 4);
  return config;
}

Config small_sdxl() {
  auto config = small_unet();
  config.set("addition_embed_type", "text_time");
  config.set("addition_time_embed_dim", 8);
  config.set("projection_class_embeddings_input_dim", 10 + 6 * 8);
  return config;
}

Config small_video() {
  auto config = small_unet();
  config.erase("attention_head_dim");
  config.set("_class_name", "UNetSpatioTemporalConditionModel");
  config.set("down_block_types", Value::List{"CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"});
  config.set("up_block_types", Value::List{"UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"});
  config.set("num_attention_heads", 2);
  config.set("addition_time_embed_dim", 8);
  config.set("projection_class_embeddings_input_dim", 24);
  return config;
}

NamedTensors small_inputs() {
  return {{"sample", at::rand({2, 4, 4, 6})},
          {"timestep", at::zeros({2}, at::kLong)},
          {"encoder_hidden_states", at::rand({2, 5, 12})}};
}

NamedTensors sdxl_inputs() {
  auto inputs = small_inputs();
  inputs["text_embeds"] = at::rand({2, 10});
  inputs["time_ids"] = at::rand({2, 6});
  return inputs;
}

NamedTensors video_inputs() {
  return {{"sample", at::rand({2, 3, 8, 4, 6})},
          {"timestep", at::rand({2})},
          {"encoder_hidden_states", at::rand({2, 1, 12})},
          {"added_time_ids", at::rand({2, 3})}};
}

struct BadInput {
  std::string input;
  at::Tensor instead;  // undefined: taken away
  std::string code;
  std::string says;
};

void expect_refused(const Config& config, const NamedTensors& good, const std::vector<BadInput>& faults) {
  const auto module = unet().make(config);
  ASSERT_TRUE(module) << module.error().message;
  const auto right = unet().run(**module, config, good);
  ASSERT_TRUE(right) << right.error().message;
  for (const auto& fault : faults) {
    auto inputs = good;
    inputs.erase(fault.input);
    if (fault.instead.defined()) inputs[fault.input] = fault.instead;
    const auto outputs = unet().run(**module, config, inputs);
    ASSERT_FALSE(outputs) << fault.input << " " << fault.says;
    EXPECT_EQ(outputs.error().kind, ErrorKind::kUsage);
    EXPECT_EQ(outputs.error().code, fault.code);
    EXPECT_NE(outputs.error().message.find("input \"" + fault.input + "\""), std::string::npos) << outputs.error().message;
    EXPECT_NE(outputs.error().message.find(fault.says), std::string::npos) << outputs.error().message;
  }
}

TEST(Unet, RefusesInputsThatDoNotFit) {
  expect_refused(small_unet(),
                 small_inputs(),
                 {{"sample", {}, "TN-INPUT-MISSING", "[N, 4, h, w]"},
                  {"sample", at::rand({2, 9, 4, 6}), "TN-INPUT-SHAPE", "[N, 4, h, w]"},
                  {"sample", at::rand({2, 4, 4, 5}), "TN-INPUT-SHAPE", "multiples of 2"},
                  {"sample", at::rand({2, 4, 3, 6}), "TN-INPUT-SHAPE", "multiples of 2"},
                  {"sample", at::zeros({2, 4, 4, 6}, at::kLong), "TN-INPUT-DTYPE", "float"},
                  {"timestep", at::rand({3}), "TN-INPUT-SHAPE", "N is 2"},
                  {"encoder_hidden_states", at::rand({2, 5, 16}), "TN-INPUT-SHAPE", "[N, L, 12]"},
                  {"encoder_hidden_states", at::rand({1, 5, 12}), "TN-INPUT-SHAPE", "N is 2"},
                  {"time_ids", at::rand({2, 6}), "TN-INPUT-UNKNOWN", "encoder_hidden_states"}});
}

TEST(Unet, RefusesAddedConditioningThatDoesNotFit) {
  expect_refused(small_sdxl(),
                 sdxl_inputs(),
                 {{"time_ids", at::rand({2, 5}), "TN-INPUT-SHAPE", "6 time_ids"},
                  {"text_embeds", at::rand({2, 11}), "TN-INPUT-SHAPE", "text_embeds of 10"},
                  {"time_ids", {}, "TN-INPUT-MISSING", "not given"},
                  {"text_embeds", at::rand({1, 10}), "TN-INPUT-SHAPE", "N is 2"}});
}

TEST(Unet, RefusesVideoInputsThatDoNotFit) {
  expect_refused(small_video(),
                 video_inputs(),
                 {{"sample", at::rand({2, 8, 4, 6}), "TN-INPUT-SHAPE", "[N, F, 8, h, w]"},
                  {"added_time_ids", at::rand({2, 4}), "TN-INPUT-SHAPE", "[N, 3]"},
                  {"image_only_indicator", at::zeros({2, 4}, at::kBool), "TN-INPUT-SHAPE", "F is 3"}});
}

TEST(Unet, RefusesClassesItDoesNotHave) {
  auto config = small_unet();
  config.set("num_class_embeds", 5);
  auto inputs = small_inputs();
  inputs["class_labels"] = at::zeros({2}, at::kLong);
  expect_refused(config, inputs, {{"class_labels", at::zeros({2}, at::kLong) + 5, "TN-INPUT-VALUE", "0 to 4"},
                                  {"class_labels", at::zeros({2}, at::kLong) - 1, "TN-INPUT-VALUE", "0 to 4"}});
}

TEST(Unet, RefusesImpossibleConfigsAndNamesTheKey) {
  ASSERT_TRUE(unet().make(small_unet()));
  const std::vector<std::pair<const char*, Value>> faults{
      {"in_channels", 0},
      {"block_out_channels", Value::List{}},
      {"block_out_channels", Value::List{8, std::int64_t{1} << 40}},
      {"layers_per_block", Value::List{1, 1, 1}},
      {"layers_per_block", 0},
      {"down_block_types", Value::List{"AttnDownBlock2D", "DownBlock2D"}},
      {"mid_block_type", "UNetMidBlock2DSimpleCrossAttn"},
      {"attention_head_dim", 3},
      {"norm_num_groups", 3},
      {"norm_eps", 0},
      {"act_fn", "mish"},
      {"transformer_layers_per_block", Value::List{1, Value::List{1, 2}, 3}},
      {"addition_embed_type", "image"},
      {"class_embed_type", "timestep"},
      {"num_attention_heads", 8},
      {"only_cross_attention", true},
      {"conv_in_kernel", 5},
  };
  for (const auto& [key, value] : faults) {
    auto config = small_unet();
    config.set(key, value);
    const auto module = unet().make(config);
    ASSERT_FALSE(module) << key << " " << to_string(value);
    EXPECT_EQ(module.error().code, "TN-UNET-CONFIG");
    EXPECT_NE(module.error().message.find(key), std::string::npos) << module.error().message;
  }
}

TEST(Unet, NeedsNoHeadCountToListItsTensors) {
  auto config = small_unet();
  config.erase("attention_head_dim");
  const auto module = unet().make(config);
  ASSERT_TRUE(module);
  EXPECT_EQ(spec_of(**module).tensors.size(), 208U);
  const auto outputs = unet().run(**module, config, small_inputs());
  ASSERT_FALSE(outputs);
  EXPECT_EQ(outputs.error().code, "TN-CONFIG-VALUE");
  EXPECT_EQ(outputs.error().remedy, "--set attention_head_dim=N");
}

TEST(Unet, ListsItsAttentionsInTheOrderOfAdapters) {
  const auto module = unet().make(small_unet());
  ASSERT_TRUE(module);
  const auto attentions = dynamic_cast<const models::Unet&>(**module).attentions();
  std::vector<std::string> names;
  for (const auto& attention : attentions) names.push_back(attention.name);
  const std::vector<std::string> expected{
      "down_blocks.0.attentions.0.transformer_blocks.0.attn1", "down_blocks.0.attentions.0.transformer_blocks.0.attn2",
      "up_blocks.1.attentions.0.transformer_blocks.0.attn1",   "up_blocks.1.attentions.0.transformer_blocks.0.attn2",
      "up_blocks.1.attentions.1.transformer_blocks.0.attn1",   "up_blocks.1.attentions.1.transformer_blocks.0.attn2",
      "mid_block.attentions.0.transformer_blocks.0.attn1",     "mid_block.attentions.0.transformer_blocks.0.attn2",
  };
  EXPECT_EQ(names, expected);
}

}  // namespace
}  // namespace tenon
