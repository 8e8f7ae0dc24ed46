#include "runtime/policy/cross_attentions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tenon {
namespace {

using Widths = std::vector<std::int64_t>;

Config unet(const Value::List& channels, const Value::List& down, const Value& depth) {
  Config config;
  config.set("block_out_channels", channels);
  config.set("down_block_types", down);
  config.set("mid_block_type", "UNetMidBlock2DCrossAttn");
  config.set("layers_per_block", 2);
  config.set("transformer_layers_per_block", depth);
  return config;
}

TEST(CrossAttentions, OfSd1AreSixteenInTheOrderDownUpMiddle) {
  const Config sd1 = unet({320, 640, 1280, 1280}, {"CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"}, 1);
  EXPECT_EQ(cross_attention_widths(sd1),
            (Widths{320, 320, 640, 640, 1280, 1280, 1280, 1280, 1280, 640, 640, 640, 320, 320, 320, 1280}));
}

TEST(CrossAttentions, OfSdxlAreSeventy) {
  const Config sdxl = unet({320, 640, 1280}, {"DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"}, Value::List{1, 2, 10});
  Widths expected(4, 640);
  expected.insert(expected.end(), 20 + 30, 1280);
  expected.insert(expected.end(), 6, 640);
  expected.insert(expected.end(), 10, 1280);
  EXPECT_EQ(cross_attention_widths(sdxl), expected);
}

TEST(CrossAttentions, OfAPrunedUnetFollowItsOwnDepths) {
  Config ssd = unet({320, 640, 1280}, {"DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"},
                    Value::List{1, Value::List{2, 2}, Value::List{4, 4}});
  ssd.set("mid_block_type", "UNetMidBlock2D");
  ssd.set("up_block_types", Value::List{"CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"});
  ssd.set("reverse_transformer_layers_per_block", Value::List{Value::List{4, 4, 10}, Value::List{2, 1, 1}, 1});
  Widths expected(4, 640);
  expected.insert(expected.end(), 8 + 18, 1280);
  expected.insert(expected.end(), 4, 640);
  EXPECT_EQ(cross_attention_widths(ssd), expected);
}

TEST(CrossAttentions, AreUnknownWhereTheBlocksAre) {
  EXPECT_TRUE(cross_attention_widths(Config()).empty());
  Config config = unet({320, 640}, {"CrossAttnDownBlock2D"}, 1);
  EXPECT_TRUE(cross_attention_widths(config).empty());
}

TEST(CrossAttentions, AHugeConfigMakesNoHugeList) {
  Config config = unet({8, 8}, {"CrossAttnDownBlock2D", "CrossAttnDownBlock2D"}, Value(std::int64_t{1} << 60));
  config.set("layers_per_block", std::int64_t{1} << 60);
  EXPECT_LE(cross_attention_widths(config).size(), 2000U);
}

}  // namespace
}  // namespace tenon
