// Every list of the reference libraries: identified, mapped without a rest, its config rebuilt.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tenon/identify.h>

#include "tests/support/lists.h"

namespace tenon {
namespace {

Value from_json(const nlohmann::json& json) {
  if (json.is_array()) {
    Value::List list;
    for (const auto& item : json) list.push_back(from_json(item));
    return Value(std::move(list));
  }
  return parse_value(json.is_string() ? json.get<std::string>() : json.dump());
}

std::vector<std::string> layouts_of(const nlohmann::json& inspect) {
  if (inspect.at("layout").is_string()) return {inspect.at("layout").get<std::string>()};
  return inspect.at("layout").get<std::vector<std::string>>();
}

std::string describe(const Identity& identity) {
  std::string text;
  for (const Part& part : identity.parts) {
    text += part.part + " = " + part.family + "/" + part.variant + " (" + part.layout + "), prefix \"" + part.prefix + "\"\n";
    for (const Evidence& evidence : part.refused) text += "  not " + evidence.candidate + ": " + evidence.text + "\n";
    if (!part.nearest.empty()) text += "  nearest " + part.nearest + "\n";
  }
  for (const Finding& finding : identity.findings) text += "  " + finding.message + "\n";
  return text;
}

const Part* find_built(const Identity& identity, std::string_view family) {
  for (const Part& part : identity.parts) {
    if (part.family == family && part.buildable) return &part;
  }
  return nullptr;
}

class BuiltList : public ::testing::TestWithParam<test::ListCase> {};

TEST_P(BuiltList, IsIdentifiedMappedAndItsConfigRebuilt) {
  const auto checkpoint = test::make_checkpoint(test::read_list(GetParam().file));
  const auto identity = identify(*checkpoint, *builtin_tables());
  ASSERT_TRUE(identity) << identity.error().message;
  ASSERT_EQ(identity->status, IdentityStatus::kIdentified) << describe(*identity);
  const auto& inspect = GetParam().inspect;
  const Part* part = find_built(*identity, inspect.at("family").get<std::string>());
  ASSERT_NE(part, nullptr) << describe(*identity);
  EXPECT_EQ(part->variant, inspect.at("variant").get<std::string>());
  EXPECT_THAT(layouts_of(inspect), ::testing::Contains(part->layout));
  for (const auto& [key, value] : inspect.at("config").items()) {
    const Value* have = part->config.find(key);
    ASSERT_NE(have, nullptr) << key;
    EXPECT_TRUE(*have == from_json(value)) << key << ": " << to_string(*have) << ", not " << value;
  }
  if (inspect.contains("also")) {
    EXPECT_THAT(part->also, ::testing::IsSupersetOf(inspect.at("also").get<std::vector<std::string>>()));
  }
  if (inspect.contains("undecidable")) {
    std::vector<std::string> undecidable;
    for (const Undecidable& item : part->undecidable) undecidable.push_back(item.what);
    EXPECT_THAT(undecidable, ::testing::UnorderedElementsAreArray(inspect.at("undecidable").get<std::vector<std::string>>()));
  }
  const Mapped mapped = map_part(*checkpoint, *part);
  EXPECT_TRUE(mapped.unexpected.empty()) << mapped.unexpected.size() << " unexpected, first " << checkpoint->tensors[mapped.unexpected[0]].name;
  EXPECT_TRUE(mapped.problems.empty()) << mapped.problems[0].message;
  for (const Finding& finding : part->findings) EXPECT_EQ(finding.severity, Severity::kNote) << finding.message;
}

INSTANTIATE_TEST_SUITE_P(Vit, BuiltList, ::testing::ValuesIn(test::list_cases("vit/")));

}  // namespace
}  // namespace tenon
