// What is easily taken for something else: near relatives, channels, markers, metadata, and names without dots.
#include <algorithm>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tenon/identify.h>

#include "tests/support/lists.h"

namespace tenon {
namespace {

using test::Placeholder;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr std::string_view kPrefix = "model.diffusion_model.";

struct Found {
  std::shared_ptr<Checkpoint> checkpoint;
  Identity identity;
};

Found found(std::shared_ptr<Checkpoint> checkpoint) {
  auto identity = identify(*checkpoint, *builtin_tables());
  EXPECT_TRUE(identity);
  return {std::move(checkpoint), std::move(*identity)};
}

Found found(const std::vector<Placeholder>& tensors) { return found(test::make_checkpoint(tensors)); }

const Part& only_part(const Found& in) {
  EXPECT_EQ(in.identity.status, IdentityStatus::kIdentified);
  EXPECT_EQ(in.identity.parts.size(), 1U);
  return in.identity.parts.at(0);
}

std::vector<Placeholder> with(std::vector<Placeholder> tensors, const std::vector<Placeholder>& more) {
  tensors.insert(tensors.end(), more.begin(), more.end());
  return tensors;
}

std::vector<Placeholder> with_channels(std::vector<Placeholder> tensors, std::int64_t channels) {
  for (auto& tensor : tensors) {
    if (tensor.name == "conv_in.weight" || tensor.name.ends_with("input_blocks.0.0.weight")) tensor.shape[1] = channels;
  }
  return tensors;
}

std::string why_not(const Part& part, const std::string& candidate) {
  for (const auto& refused : part.refused) {
    if (refused.candidate == candidate) return refused.text;
  }
  return "nothing is said of " + candidate;
}

std::vector<Value> choices(const Part& part, std::string_view key) {
  for (const auto& open : part.undecidable) {
    if (open.what == key) return open.choices;
  }
  return {};
}

TEST(Detection, TellsTheDistilledSdxlFromSdxlAndSaysWhy) {
  const auto ssd = found(test::read_list("unet/ssd-1b.diffusers.tsv"));
  EXPECT_EQ(only_part(ssd).variant, "ssd-1b");
  EXPECT_THAT(why_not(only_part(ssd), "unet/sdxl"), HasSubstr("mid_block_type"));
  EXPECT_THAT(why_not(only_part(ssd), "unet/vega"), HasSubstr("transformer_layers_per_block"));
  const auto vega = found(test::read_list("unet/vega.diffusers.tsv"));
  EXPECT_EQ(only_part(vega).variant, "vega");
  EXPECT_THAT(why_not(only_part(vega), "unet/ssd-1b"), HasSubstr("transformer_layers_per_block"));
  const auto sdxl = found(test::read_list("unet/sdxl.ldm.tsv"));
  EXPECT_EQ(only_part(sdxl).variant, "sdxl");
  EXPECT_THAT(why_not(only_part(sdxl), "unet/ssd-1b"), HasSubstr("mid_block_type"));
  EXPECT_THAT(why_not(only_part(sdxl), "unet/sdxl-refiner"), HasSubstr("block_out_channels"));
}

TEST(Detection, TellsVideoFromTheSd2ThatItContains) {
  const auto video = found(test::read_list("unet/svd.ldm.tsv"));
  EXPECT_EQ(only_part(video).variant, "svd");
  EXPECT_EQ(only_part(video).config.int_or("in_channels", 0), 8);
  EXPECT_THAT(why_not(only_part(video), "unet/sd2"), HasSubstr("_class_name"));
  EXPECT_THAT(choices(only_part(video), "num_frames"), ::testing::ElementsAre(Value(14), Value(25)));
}

TEST(Detection, LeavesThePredictionOfSd2Open) {
  const auto sd2 = found(test::read_list("unet/sd2.ldm.tsv"));
  EXPECT_THAT(choices(only_part(sd2), "prediction_type"), ::testing::ElementsAre(Value("epsilon"), Value("v_prediction")));
}

TEST(Detection, ReadsChannelsOffTheFirstConvolutionOfEveryVariant) {
  const std::vector<std::pair<std::string, std::string>> lists{
      {"unet/sd1.ldm.tsv", "sd1"},   {"unet/sd1.diffusers.tsv", "sd1"},   {"unet/sd2.ldm.tsv", "sd2"},
      {"unet/sdxl.ldm.tsv", "sdxl"}, {"unet/sdxl.diffusers.tsv", "sdxl"}, {"unet/ssd-1b.diffusers.tsv", "ssd-1b"}};
  for (const auto& [list, variant] : lists) {
    for (const std::int64_t channels : {4, 5, 8, 9}) {
      const auto file = found(with_channels(test::read_list(list), channels));
      EXPECT_EQ(only_part(file).variant, variant) << list;
      EXPECT_EQ(only_part(file).config.int_or("in_channels", 0), channels) << list;
      EXPECT_TRUE(only_part(file).findings.empty()) << list;
    }
  }
}

TEST(Detection, TakesMarkersForWhatTheySay) {
  const auto sdxl = test::read_list("unet/sdxl.ldm.tsv");
  const auto plain = found(sdxl);
  EXPECT_FALSE(choices(only_part(plain), "prediction_type").empty());
  for (const auto& markers : std::vector<std::vector<Placeholder>>{
           {{"v_pred", {0}}, {"ztsnr", {0}}}, {{"edm_vpred.sigma_max", {}}, {"edm_vpred.sigma_min", {}}}}) {
    const auto marked = found(with(sdxl, markers));
    EXPECT_EQ(only_part(marked).variant, "sdxl");
    EXPECT_EQ(only_part(marked).config.string_or("prediction_type", ""), "v_prediction");
    EXPECT_TRUE(choices(only_part(marked), "prediction_type").empty());
    EXPECT_TRUE(map_part(*marked.checkpoint, only_part(marked)).unexpected.empty());
  }
}

TEST(Detection, TakesPlaygroundForSdxl) {
  const auto playground = found(with(test::read_list("unet/sdxl.ldm.tsv"), {{"edm_mean", {1, 4, 1, 1}}, {"edm_std", {1, 4, 1, 1}}}));
  EXPECT_EQ(only_part(playground).variant, "sdxl");
  EXPECT_TRUE(map_part(*playground.checkpoint, only_part(playground)).unexpected.empty());
}

TEST(Detection, FollowsShapesWhereMetadataContradictsThem) {
  auto checkpoint = test::make_checkpoint(test::read_list("unet/sdxl.ldm.tsv"));
  checkpoint->metadata["modelspec.architecture"] = "stable-diffusion-xl-v1-base";
  EXPECT_TRUE(only_part(found(checkpoint)).findings.empty());
  checkpoint->metadata["modelspec.architecture"] = "stable-diffusion-v1/inpainting";
  const auto contradicted = found(checkpoint);
  EXPECT_EQ(only_part(contradicted).variant, "sdxl");
  ASSERT_EQ(only_part(contradicted).findings.size(), 1U);
  const auto& finding = only_part(contradicted).findings.front();
  EXPECT_EQ(finding.id, "TN-METADATA");
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_THAT(finding.message, HasSubstr("stable-diffusion-v1/inpainting"));
  EXPECT_THAT(finding.message, HasSubstr("unet/sdxl"));
}

TEST(Detection, TakesThePredictionFromMetadata) {
  auto checkpoint = test::make_checkpoint(test::read_list("unet/sd2.ldm.tsv"));
  checkpoint->metadata["modelspec.prediction_type"] = "v";
  EXPECT_EQ(only_part(found(checkpoint)).config.string_or("prediction_type", ""), "v_prediction");
}

TEST(Detection, NamesAnInpaintPatchWithItsBase) {
  std::vector<Placeholder> patch;
  for (const auto& tensor : test::read_list("unet/sdxl.ldm.tsv")) {
    const auto name = tensor.name.substr(std::string_view("model.").size());
    patch.push_back({name + ".0", tensor.shape, DType::kU8});
    patch.push_back({name + ".1", {}});
    patch.push_back({name + ".2", {}});
  }
  const auto file = found(patch);
  EXPECT_EQ(only_part(file).family, "inpaint-patch");
  EXPECT_EQ(only_part(file).base, "sdxl");
  EXPECT_FALSE(only_part(file).buildable);
  EXPECT_THAT(only_part(file).declined, HasSubstr("Fooocus"));
}

TEST(Detection, NamesQuantisedUnets) {
  const std::vector<std::pair<Placeholder, std::string>> all{
      {{"down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight.quant_state.bitsandbytes__nf4", {96}, DType::kU8}, "bitsandbytes"},
      {{"down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.scale_weight", {}}, "scaled_fp8"}};
  for (const auto& [tensor, layout] : all) {
    const auto file = found(with(test::read_list("unet/sd1.diffusers.tsv"), {tensor}));
    std::vector<std::string> layouts;
    for (const auto& part : file.identity.parts) layouts.push_back(part.family + " " + part.layout);
    EXPECT_THAT(layouts, Contains("quantised " + layout));
  }
}

class AveragedList : public ::testing::TestWithParam<std::string> {};

TEST_P(AveragedList, IsTheSameModelWithoutItsDots) {
  const auto dotted = test::read_list("unet/" + GetParam() + ".ldm.tsv");
  std::vector<Placeholder> dotless;
  for (auto tensor : dotted) {
    tensor.name = tensor.name.substr(kPrefix.size());
    std::erase(tensor.name, '.');
    tensor.name = "model_ema.diffusion_model" + tensor.name;
    dotless.push_back(std::move(tensor));
  }
  const auto plain = found(dotted);
  const auto averaged = found(with(dotless, {{"model_ema.decay", {}}, {"model_ema.num_updates", {}, DType::kI32}}));
  EXPECT_EQ(only_part(averaged).part, "ema");
  EXPECT_EQ(only_part(averaged).layout, "ldm");
  EXPECT_EQ(only_part(averaged).variant, only_part(plain).variant);
  const auto mapped = map_part(*averaged.checkpoint, only_part(averaged));
  EXPECT_TRUE(mapped.unexpected.empty());
  std::map<std::string, std::string> expected;
  for (const auto& tensor : map_part(*plain.checkpoint, only_part(plain)).tensors) {
    auto name = plain.checkpoint->tensors[tensor.sources.at(0)].name.substr(kPrefix.size());
    std::erase(name, '.');
    expected.emplace(tensor.target, "model_ema.diffusion_model" + name);
  }
  EXPECT_EQ(expected.size(), dotted.size());
  std::map<std::string, std::string> targets;
  for (const auto& tensor : mapped.tensors) targets.emplace(tensor.target, averaged.checkpoint->tensors[tensor.sources.at(0)].name);
  EXPECT_EQ(targets, expected);
}

TEST_P(AveragedList, IsAPartBesideThePlainWeights) {
  auto both = test::read_list("unet/" + GetParam() + ".ldm.tsv");
  const auto count = both.size();
  for (std::size_t i = 0; i < count; ++i) {
    auto name = both[i].name.substr(kPrefix.size());
    std::erase(name, '.');
    both.push_back({"model_ema.diffusion_model" + name, both[i].shape});
  }
  const auto file = found(both);
  std::vector<std::pair<std::string, std::size_t>> parts;
  for (const auto& part : file.identity.parts) parts.emplace_back(part.part, part.tensors.size());
  EXPECT_THAT(parts, UnorderedElementsAre(std::pair("unet", count), std::pair("ema", count)));
}

INSTANTIATE_TEST_SUITE_P(All, AveragedList, ::testing::Values("sd1", "sd2", "sdxl", "sdxl-refiner", "svd"), [](const auto& instance) {
  auto name = instance.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(Detection, AcceptsTheSlotThatSomeConvertersGiveTheFirstUpsamplerOfSdxl) {
  auto tensors = test::read_list("unet/sdxl.ldm.tsv");
  std::size_t moved = 0;
  for (auto& tensor : tensors) {
    const std::string right = std::string(kPrefix) + "output_blocks.2.2.conv.";
    if (!tensor.name.starts_with(right)) continue;
    tensor.name = std::string(kPrefix) + "output_blocks.2.1.conv." + tensor.name.substr(right.size());
    ++moved;
  }
  ASSERT_EQ(moved, 2U);
  const auto file = found(tensors);
  EXPECT_EQ(only_part(file).variant, "sdxl");
  EXPECT_TRUE(map_part(*file.checkpoint, only_part(file)).unexpected.empty());
}

}  // namespace
}  // namespace tenon
