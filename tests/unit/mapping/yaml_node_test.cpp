#include "runtime/mapping/yaml_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tenon {
namespace {

YamlError yaml_refusal(std::string_view text) {
  auto node = parse_yaml(text);
  EXPECT_FALSE(node) << text;
  return node ? YamlError{} : node.error();
}

TEST(Yaml, KeepsOrderAndPlaces) {
  const auto node = parse_yaml("b: 1\na: {x: [2, ~, \"3\"]}\n");
  ASSERT_TRUE(node);
  ASSERT_EQ(node->entries.size(), 2U);
  EXPECT_EQ(node->entries[0].key, "b");
  EXPECT_EQ(node->entries[1].mark.line, 2);
  const YamlNode* list = node->entries[1].value.find("x");
  ASSERT_NE(list, nullptr);
  EXPECT_EQ(list->mark.column, 8);
  EXPECT_TRUE(list->to_value() == Value(Value::List{Value(2), Value(nullptr), Value("3")}));
}

TEST(Yaml, RefusesAKeyThatStandsTwice) {
  const YamlError error = yaml_refusal("a: 1\nb: 2\na: 3\n");
  EXPECT_EQ(error.mark.line, 3);
  EXPECT_EQ(error.mark.column, 1);
  EXPECT_THAT(error.message, ::testing::HasSubstr("\"a\" stands here twice"));
}

TEST(Yaml, RefusesAliasesAnchorsTagsAndASecondDocument) {
  EXPECT_THAT(yaml_refusal("a: &x 1\n").message, ::testing::HasSubstr("anchors"));
  EXPECT_THAT(yaml_refusal("a: !!python/object x\n").message, ::testing::HasSubstr("tags"));
  EXPECT_THAT(yaml_refusal("[a, b]: 1\n").message, ::testing::HasSubstr("key"));
  EXPECT_THAT(yaml_refusal("a: 1\n---\nb: 2\n").message, ::testing::HasSubstr("more than one document"));
}

TEST(Yaml, SaysWhereTheSyntaxBreaks) {
  const YamlError error = yaml_refusal("a: 1\nb: [1, 2\nc: 3\n");
  EXPECT_GE(error.mark.line, 2);
  EXPECT_FALSE(error.message.empty());
}

TEST(Yaml, SurvivesNestingWithoutEnd) {
  yaml_refusal(std::string(100'000, '['));
}

}  // namespace
}  // namespace tenon
