#include <tenon/native_config.h>

#include <gtest/gtest.h>

namespace tenon {
namespace {

TEST(NativeConfig, FlattensNestedJson) {
  const auto config = flatten_native_config(
      {"config.json", R"({"model_type": "clip", "vision_config": {"hidden_size": 64, "layer_norm_eps": 1e-05}, "sizes": [1, 2]})"});
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->string_or("model_type", ""), "clip");
  EXPECT_EQ(config->int_or("vision_config.hidden_size", 0), 64);
  EXPECT_DOUBLE_EQ(config->double_or("vision_config.layer_norm_eps", 0), 1e-5);
  EXPECT_EQ(*config->find("sizes"), Value(Value::List{1, 2}));
}

TEST(NativeConfig, FlattensYamlAndKeepsQuotedNumbersAsText) {
  const auto config = flatten_native_config({"v1.yaml", "model:\n  params:\n    in_channels: 9\n    name: \"7\"\n    flag: ~\n"});
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->int_or("model.params.in_channels", 0), 9);
  EXPECT_EQ(config->string_or("model.params.name", ""), "7");
  EXPECT_TRUE(config->find("model.params.flag")->is_null());
}

TEST(NativeConfig, SaysWhereYamlBreaks) {
  const auto config = flatten_native_config({"v1.yaml", "a: 1\nb: [1, 2\n"});
  ASSERT_FALSE(config.has_value());
  EXPECT_EQ(config.error().code, "TN-CONFIG-SYNTAX");
  EXPECT_NE(config.error().message.find("v1.yaml:3:"), std::string::npos) << config.error().message;
}

TEST(NativeConfig, RefusesJsonThatIsCutAndAcceptsTheWholeText) {
  EXPECT_EQ(flatten_native_config({"c.json", R"({"a": 1)"}).error().code, "TN-CONFIG-SYNTAX");
  EXPECT_TRUE(flatten_native_config({"c.json", R"({"a": 1})"}).has_value());
}

TEST(NativeConfig, RefusesDeepNestingWithoutDescending) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "{\"a\":";
  text += "1";
  for (int i = 0; i < 200; ++i) text += "}";
  EXPECT_EQ(flatten_native_config({"c.json", text}).error().code, "TN-CONFIG-SYNTAX");
}

}  // namespace
}  // namespace tenon
