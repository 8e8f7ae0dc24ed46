// Every UNet list: identified, mapped without a rest, and its config rebuilt to the last key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tenon/identify.h>

#include "models/unet/ldm.h"
#include "models/unet/structure.h"
#include "tests/support/lists.h"

namespace tenon {
namespace {

using models::unet::read_native_config;
using models::unet::read_structure;
using models::unet::Structure;

/// The only part that is built, with everything that speaks against the file in the failure's text.
const Part& unet_of(const Identity& identity) {
  static const Part nothing;
  for (const auto& part : identity.parts) {
    if (part.family == "unet") return part;
    for (const auto& refused : part.refused) ADD_FAILURE() << refused.candidate << ": " << refused.text;
  }
  return nothing;
}

class UnetList : public ::testing::TestWithParam<test::ListCase> {
 protected:
  /// Identifies the list behind another prefix.
  void check(std::string_view strip, std::string_view prefix, std::string_view prefix_reported) const {
    auto tensors = test::read_list(GetParam().file);
    for (auto& tensor : tensors) {
      ASSERT_TRUE(tensor.name.starts_with(strip));
      tensor.name = std::string(prefix) + tensor.name.substr(strip.size());
    }
    const auto checkpoint = test::make_checkpoint(tensors);
    const auto identity = identify(*checkpoint, *builtin_tables());
    ASSERT_TRUE(identity) << identity.error().message;
    ASSERT_EQ(identity->status, IdentityStatus::kIdentified);
    const auto& part = unet_of(*identity);
    EXPECT_EQ(part.variant, GetParam().inspect.at("variant"));
    EXPECT_EQ(part.layout, GetParam().inspect.at("layout"));
    EXPECT_EQ(part.prefix, prefix_reported);
    const auto mapped = map_part(*checkpoint, part);
    EXPECT_EQ(mapped.tensors.size(), tensors.size());
    EXPECT_TRUE(mapped.unexpected.empty());
    EXPECT_TRUE(mapped.problems.empty());
    EXPECT_TRUE(part.findings.empty()) << part.findings.front().message;
  }

  [[nodiscard]] std::string_view strip() const {
    return GetParam().inspect.at("layout") == "ldm" ? "model.diffusion_model." : "";
  }
};

TEST_P(UnetList, IsMappedWithoutARest) { check(strip(), strip(), strip()); }

TEST_P(UnetList, IsMappedBehindTheShortPrefix) { check(strip(), "diffusion_model.", "diffusion_model."); }

TEST_P(UnetList, IsMappedBare) { check(strip(), "", ""); }

TEST_P(UnetList, GivesTheNativeConfigsStructure) {
  const auto checkpoint = test::make_checkpoint(test::read_list(GetParam().file));
  const auto identity = identify(*checkpoint, *builtin_tables());
  ASSERT_TRUE(identity);
  const auto& part = unet_of(*identity);
  const auto native = read_native_config({"config", GetParam().native.dump()}, {});
  ASSERT_TRUE(native) << native.error().message;
  const auto expected = read_structure(*native);
  ASSERT_TRUE(expected) << expected.error().message;
  auto rebuilt = read_structure(part.config);
  ASSERT_TRUE(rebuilt) << rebuilt.error().message;
  // The original YAML says nothing of what diffusers alone has a key for.
  if (part.layout == "ldm") {
    rebuilt->norm_eps = expected->norm_eps;
    rebuilt->addition_time_width = expected->addition_time_width;
  }
  EXPECT_TRUE(*rebuilt == *expected);
  // Not only the meaning but the spelling.
  for (const auto& item : native->items()) {
    const auto* value = part.config.find(item.key);
    if (item.key == "sample_size" || item.key == "num_frames") continue;
    ASSERT_NE(value, nullptr) << item.key;
    EXPECT_TRUE(*value == item.value) << item.key << ": " << to_string(*value) << ", not " << to_string(item.value);
  }
}

TEST_P(UnetList, IsToldWithTheNativeConfigBesideIt) {
  auto checkpoint = test::make_checkpoint(test::read_list(GetParam().file));
  checkpoint->configs.push_back({"config.json", GetParam().native.dump()});
  const auto identity = identify(*checkpoint, *builtin_tables());
  ASSERT_TRUE(identity) << identity.error().message;
  const auto& part = unet_of(*identity);
  EXPECT_EQ(part.variant, GetParam().inspect.at("variant"));
  EXPECT_TRUE(part.findings.empty()) << part.findings.front().message;
}

INSTANTIATE_TEST_SUITE_P(All, UnetList, ::testing::ValuesIn(test::list_cases("unet/")));

}  // namespace
}  // namespace tenon
