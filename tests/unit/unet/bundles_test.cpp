// What diffusion files hold beside a UNet: every part is named, and what is not built is declined with its base.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tenon/identify.h>

#include "tests/support/lists.h"

namespace tenon {
namespace {

using test::Placeholder;

Identity identified(std::vector<Placeholder> tensors) {
  auto identity = identify(*test::make_checkpoint(tensors), *builtin_tables());
  EXPECT_TRUE(identity);
  return *identity;
}

const Part& part_of(const Identity& identity, std::string_view family) {
  static const Part nothing;
  std::string all;
  for (const auto& part : identity.parts) {
    if (part.family == family) return part;
    all += part.part + " " + part.family + "; ";
  }
  ADD_FAILURE() << "no " << family << " among: " << all;
  return nothing;
}

std::vector<Placeholder> operator+(std::vector<Placeholder> a, const std::vector<Placeholder>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::vector<Placeholder> ldm_vae(const std::string& prefix) {
  return {{prefix + "encoder.down.0.block.0.conv1.weight", {128, 128, 3, 3}},
          {prefix + "decoder.conv_in.weight", {512, 4, 3, 3}},
          {prefix + "decoder.up.0.block.0.conv1.weight", {128, 128, 3, 3}},
          {prefix + "quant_conv.weight", {8, 8, 1, 1}}};
}

TEST(Bundle, NamesTheAutoencoderBesideTheUnet) {
  const auto identity = identified(test::read_list("unet/sd1.ldm.tsv") + ldm_vae("first_stage_model."));
  EXPECT_EQ(identity.status, IdentityStatus::kIdentified);
  const auto& unet = part_of(identity, "unet");
  EXPECT_EQ(unet.part, "unet");
  EXPECT_EQ(unet.variant, "sd1");
  const auto& vae = part_of(identity, "vae");
  EXPECT_EQ(vae.part, "vae");
  EXPECT_EQ(vae.prefix, "first_stage_model.");
  EXPECT_EQ(vae.layout, "ldm");
  EXPECT_EQ(vae.tensors.size(), 4U);
  EXPECT_FALSE(vae.buildable);
  EXPECT_FALSE(vae.declined.empty());
}

TEST(Bundle, NamesTheSecondAutoencoderOfVideo) {
  const auto identity = identified(test::read_list("unet/svd.ldm.tsv") + ldm_vae("first_stage_model.") +
                                   ldm_vae("conditioner.embedders.3.encoder."));
  std::vector<std::string> parts;
  for (const auto& part : identity.parts) parts.push_back(part.part);
  EXPECT_THAT(parts, ::testing::UnorderedElementsAre("unet", "vae", "conditioning_vae"));
}

TEST(Bundle, TakesNoScheduleForWeights) {
  std::vector<Placeholder> schedule;
  for (const char* name : {"betas", "alphas_cumprod", "posterior_mean_coef1", "sqrt_recip_alphas_cumprod"}) {
    schedule.push_back({name, {1000}});
  }
  const auto checkpoint = test::make_checkpoint(test::read_list("unet/sd1.ldm.tsv") + schedule);
  const auto identity = identify(*checkpoint, *builtin_tables());
  ASSERT_TRUE(identity);
  const auto& unet = part_of(*identity, "unet");
  EXPECT_EQ(unet.variant, "sd1");
  EXPECT_TRUE(map_part(*checkpoint, unet).unexpected.empty());
}

struct Declined {
  std::vector<Placeholder> tensors;
  std::string family;
  std::string layout;
  std::string base;
  std::int64_t rank = 0;
};

TEST(Bundle, DeclinesWhatOnlyAddsToAUnetAndNamesItsBase) {
  const std::vector<Declined> all{
      {{{"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight", {8, 768}},
        {"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight", {320, 8}},
        {"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.alpha", {}}},
       "lora", "kohya", "sd1", 8},
      {{{"unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight", {4, 2048}},
        {"unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora_B.weight", {640, 4}}},
       "lora", "peft", "sdxl", 4},
      {{{"unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.processor.to_q_lora.down.weight", {4, 320}},
        {"unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.processor.to_q_lora.up.weight", {320, 4}},
        {"unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.down.weight", {4, 1024}},
        {"unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.up.weight", {320, 4}}},
       "lora", "diffusers", "sd2", 4},
      {test::read_list("declined/controlnet-sd1.diffusers.tsv"), "controlnet", "diffusers", "sd1"},
      {{{"control_model.input_hint_block.0.weight", {16, 3, 3, 3}},
        {"control_model.zero_convs.0.0.weight", {320, 320, 1, 1}},
        {"control_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", {320, 1024}}},
       "controlnet", "ldm", "sd2"},
      {{{"body.0.block1.weight", {320, 320, 3, 3}}, {"conv_in.weight", {320, 192, 3, 3}}}, "t2i-adapter", "original", ""},
      {test::read_list("declined/motion_adapter.diffusers.tsv"), "motion-module", "diffusers", "sd1"},
      {{{"double_blocks.0.img_attn.qkv.weight", {9216, 3072}}}, "dit", "flux", "flux"},
      {test::read_list("declined/vae.diffusers.tsv"), "vae", "diffusers", ""},
  };
  for (const auto& item : all) {
    const auto identity = identified(item.tensors);
    EXPECT_EQ(identity.status, IdentityStatus::kIdentified) << item.family;
    const auto& part = part_of(identity, item.family);
    EXPECT_EQ(part.layout, item.layout) << item.family;
    EXPECT_EQ(part.base, item.base) << item.family;
    EXPECT_EQ(part.config.int_or("rank", 0), item.rank) << item.layout;
    EXPECT_EQ(part.tensors.size(), item.tensors.size()) << item.family;
    EXPECT_FALSE(part.buildable);
  }
}

TEST(Bundle, ReadsALorasRank) {
  const auto identity = identified({{"lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", {16, 768}},
                                    {"lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight", {3072, 16}}});
  EXPECT_EQ(part_of(identity, "lora").config.int_or("rank", 0), 16);
}

std::vector<std::string> open_questions(const Part& part) {
  std::vector<std::string> all;
  for (const auto& item : part.undecidable) all.push_back(item.what);
  return all;
}

TEST(Unet, OwnsUpToWhatNoTensorTells) {
  EXPECT_THAT(open_questions(part_of(identified(test::read_list("unet/sd2.ldm.tsv")), "unet")),
              ::testing::UnorderedElementsAre("prediction_type", "sample_size"));
  EXPECT_THAT(open_questions(part_of(identified(test::read_list("unet/svd.ldm.tsv")), "unet")),
              ::testing::UnorderedElementsAre("num_frames"));
}

TEST(Unet, FollowsTheLayoutsEpsilonForVideo) {
  EXPECT_EQ(part_of(identified(test::read_list("unet/svd.ldm.tsv")), "unet").config.double_or("norm_eps", 0), 1e-5);
  EXPECT_EQ(part_of(identified(test::read_list("unet/svd.diffusers.tsv")), "unet").config.double_or("norm_eps", 0), 1e-6);
}

TEST(Unet, IsStillToldWhenOneTensorIsLost) {
  const auto whole = test::read_list("unet/svd.diffusers.tsv");
  for (const char* lost : {"conv_in.weight", "down_blocks.3.resnets.1.spatial_res_block.norm2.weight", "conv_out.weight",
                           "down_blocks.0.attentions.1.transformer_blocks.0.norm1.weight", "mid_block.attentions.0.proj_in.weight",
                           "up_blocks.3.attentions.2.transformer_blocks.0.attn2.to_k.weight"}) {
    auto tensors = whole;
    std::erase_if(tensors, [&](const Placeholder& tensor) { return tensor.name == lost; });
    ASSERT_EQ(tensors.size() + 1, whole.size()) << lost;
    const auto identity = identified(tensors);
    EXPECT_EQ(part_of(identity, "unet").variant, "svd") << lost;
    EXPECT_TRUE(part_of(identity, "unet").findings.empty()) << lost;
  }
}

}  // namespace
}  // namespace tenon
