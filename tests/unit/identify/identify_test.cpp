// Identification as a function of names and shapes: order-free, bounded, and plain about what it cannot know.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tenon/identify.h>

#include "tests/support/lists.h"

namespace tenon {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;

constexpr std::string_view kList = "vit/vit_tiny_patch16_224.timm.tsv";

Identity identify_or_fail(const std::vector<test::Placeholder>& tensors, const IdentifyRequest& request = {}) {
  auto identity = identify(*test::make_checkpoint(tensors), *builtin_tables(), request);
  if (!identity) ADD_FAILURE() << identity.error().message;
  return identity.value_or(Identity{});
}

Part one_part(const std::vector<test::Placeholder>& tensors, const IdentifyRequest& request = {}) {
  const auto identity = identify_or_fail(tensors, request);
  EXPECT_EQ(identity.status, IdentityStatus::kIdentified);
  return identity.parts.empty() ? Part{} : identity.parts[0];
}

void erase_prefixed(std::vector<test::Placeholder>& tensors, std::string_view prefix) {
  std::erase_if(tensors, [&](const test::Placeholder& t) { return t.name.starts_with(prefix); });
}

test::Placeholder& find(std::vector<test::Placeholder>& tensors, std::string_view name) {
  return *std::find_if(tensors.begin(), tensors.end(), [&](const test::Placeholder& t) { return t.name == name; });
}

TEST(Identify, FileNameAndOrderWeighNothing) {
  auto tensors = test::read_list(kList);
  const auto sorted = test::make_checkpoint(tensors);
  std::reverse(tensors.begin(), tensors.end());
  const auto renamed = test::make_checkpoint(tensors);
  renamed->path = "unet.safetensors";
  const auto a = identify(*sorted, *builtin_tables());
  const auto b = identify(*renamed, *builtin_tables());
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->parts[0].variant, b->parts[0].variant);
  EXPECT_EQ(a->parts[0].evidence.size(), b->parts[0].evidence.size());
  EXPECT_EQ(map_part(*sorted, a->parts[0]).tensors.size(), map_part(*renamed, b->parts[0]).tensors.size());
}

TEST(Identify, AGapInTheBlocksLeavesTheDepth) {
  auto tensors = test::read_list(kList);
  erase_prefixed(tensors, "blocks.5.");
  const Part part = one_part(tensors);
  EXPECT_EQ(part.config.int_or("depth", 0), 12);
  EXPECT_EQ(part.variant, "vit_tiny_patch16_224");
  EXPECT_TRUE(map_part(*test::make_checkpoint(tensors), part).unexpected.empty());
}

TEST(Identify, AFileThatClaimsABillionBlocksIsRefused) {
  auto tensors = test::read_list(kList);
  tensors.push_back({"blocks.999999999.norm1.weight", {192}});
  const Part part = one_part(tensors);
  EXPECT_FALSE(part.buildable);
  ASSERT_THAT(part.findings, Contains(Field(&Finding::id, "TN-CONFIG-COUNT")));
  EXPECT_THAT(part.declined, HasSubstr("1000000000"));
}

TEST(Identify, OneRenamedTensorHidesNothing) {
  for (const char* name : {"cls_token", "pos_embed", "patch_embed.proj.weight", "norm.weight", "head.weight", "blocks.0.attn.qkv.weight",
                           "blocks.0.norm1.weight", "blocks.0.mlp.fc1.weight"}) {
    auto tensors = test::read_list(kList);
    find(tensors, name).name = "strange";
    const Part part = one_part(tensors);
    EXPECT_EQ(part.family, "vit") << name;
    EXPECT_EQ(part.layout, "timm") << name;
    EXPECT_EQ(map_part(*test::make_checkpoint(tensors), part).unexpected.size(), 1U) << name;
  }
}

TEST(Identify, NamesWhatShapesCannotTell) {
  auto tensors = test::read_list(kList);
  for (auto& tensor : tensors) {
    for (auto& dim : tensor.shape) {
      if (dim % 192 == 0) dim = dim / 192 * 48;
    }
  }
  const Part part = one_part(tensors);
  EXPECT_EQ(part.variant, "custom");
  std::vector<std::string> what;
  for (const Undecidable& item : part.undecidable) what.push_back(item.what);
  EXPECT_THAT(what, ::testing::ElementsAre("num_heads"));
  EXPECT_TRUE(part.undecidable[0].needed_by_forward);
  EXPECT_THAT(part.undecidable[0].set_with, HasSubstr("--set num_heads="));
}

TEST(Identify, TheCallerSettlesIt) {
  IdentifyRequest request;
  request.set.set("num_heads", Value(6));
  const Part part = one_part(test::read_list(kList), request);
  EXPECT_EQ(part.config.int_or("num_heads", 0), 6);
  EXPECT_EQ(part.config.item("num_heads")->origin, ConfigOrigin::kSet);
  EXPECT_TRUE(part.findings.empty());
}

TEST(Identify, ASetValueAgainstTheShapesIsAnError) {
  IdentifyRequest request;
  request.set.set("depth", Value(11));
  const Part part = one_part(test::read_list(kList), request);
  ASSERT_EQ(part.findings.size(), 1U);
  EXPECT_EQ(part.findings[0].id, "TN-CONFIG-CONTRADICTS");
  EXPECT_EQ(part.findings[0].target, "depth");
  EXPECT_EQ(part.findings[0].severity, Severity::kError);
}

TEST(Identify, AnUnknownKeyOrAnImpossibleValueIsAnError) {
  IdentifyRequest request;
  request.set.set("num_head", Value(6));
  request.set.set("act", Value("relu"));
  const Part part = one_part(test::read_list(kList), request);
  ASSERT_EQ(part.findings.size(), 2U);
  EXPECT_EQ(part.findings[0].id, "TN-CONFIG-KEY");
  EXPECT_THAT(part.findings[0].remedy, HasSubstr("num_heads"));
  EXPECT_EQ(part.findings[1].id, "TN-CONFIG-VALUE");
  EXPECT_THAT(part.findings[1].remedy, HasSubstr("quick_gelu"));
}

TEST(Identify, AsNamesOneOfTheTwins) {
  IdentifyRequest request;
  request.family = "vit";
  request.variant = "deit_tiny_patch16_224";
  const Part part = one_part(test::read_list(kList), request);
  EXPECT_EQ(part.variant, "deit_tiny_patch16_224");
  EXPECT_THAT(part.also, Contains("vit_tiny_patch16_224"));
}

TEST(Identify, ASiblingAgainstTheShapesIsAWarning) {
  const auto checkpoint = test::make_checkpoint(test::read_list(kList));
  checkpoint->configs = {{"config.json", R"({"architecture": "vit_tiny_patch16_224", "num_classes": 10, "model_args": {"num_heads": 6}})"}};
  const auto identity = identify(*checkpoint, *builtin_tables());
  ASSERT_TRUE(identity);
  const Part& part = identity->parts[0];
  ASSERT_EQ(part.findings.size(), 1U);
  EXPECT_EQ(part.findings[0].target, "num_classes");
  EXPECT_EQ(part.findings[0].severity, Severity::kWarning);
  EXPECT_EQ(part.config.int_or("num_classes", 0), 1000);
  EXPECT_EQ(part.config.int_or("num_heads", 0), 6);
  EXPECT_EQ(part.config.item("num_heads")->origin, ConfigOrigin::kSiblingConfig);
}

TEST(Identify, ASiblingThatCannotBeReadIsAWarning) {
  const auto checkpoint = test::make_checkpoint(test::read_list(kList));
  checkpoint->configs = {{"config.json", "{\"a\": "}};
  const auto identity = identify(*checkpoint, *builtin_tables());
  ASSERT_TRUE(identity);
  ASSERT_EQ(identity->parts[0].findings.size(), 1U);
  EXPECT_EQ(identity->parts[0].findings[0].id, "TN-CONFIG-UNREADABLE");
  EXPECT_EQ(identity->parts[0].findings[0].severity, Severity::kWarning);
}

TEST(Identify, AConfigFileThatCannotBeReadIsAnError) {
  IdentifyRequest request;
  request.config = ConfigText{"given.json", "{\"a\": "};
  const auto identity = identify(*test::make_checkpoint(test::read_list(kList)), *builtin_tables(), request);
  ASSERT_FALSE(identity);
  EXPECT_EQ(identity.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(identity.error().message, HasSubstr("given.json"));
}

TEST(Identify, AnUnknownFileIsToldTheNearestKnownList) {
  const auto identity = identify_or_fail({{"patch_embed.proj.weight", {8, 3, 4, 4}}, {"patch_embed.proj.bias", {8}}, {"something.else", {1}}});
  EXPECT_EQ(identity.status, IdentityStatus::kUnknown);
  ASSERT_EQ(identity.parts.size(), 1U);
  EXPECT_EQ(identity.parts[0].family, "");
  EXPECT_THAT(identity.parts[0].nearest, HasSubstr("vit ("));
  ASSERT_FALSE(identity.findings.empty());
  EXPECT_EQ(identity.findings[0].id, "TN-IDENTITY-UNKNOWN");
}

TEST(Identify, AnEmptyCheckpointIsUnknown) {
  const auto identity = identify_or_fail({});
  EXPECT_EQ(identity.status, IdentityStatus::kUnknown);
}

TEST(Identify, TensorsBehindManyPrefixesDoNotExplode) {
  std::vector<test::Placeholder> tensors;
  for (int i = 0; i < 3000; ++i) tensors.push_back({"p" + std::to_string(i) + ".blocks.0.attn.qkv.weight", {3, 1}});
  EXPECT_EQ(identify_or_fail(tensors).status, IdentityStatus::kUnknown);
}

Derivation derive_nothing(const DeriveInput&) { return {}; }

TEST(Identify, TwoLayoutsThatExplainTheSameAreAmbiguousUntilTheCallerSays) {
  const auto yaml = [](const std::string& name) {
    return "tenon_tables: 1\nfamily: " + name + "\nown: plain\nlayouts:\n  plain:\n    evidence: {anchors: [odd.one]}\n    rows: [odd.one, odd.two]\n";
  };
  const std::string first = yaml("first");
  const std::string second = yaml("second");
  TablesOptions options;
  options.extra = {FamilyTables{.name = "first", .yaml = first, .derive = derive_nothing},
                   FamilyTables{.name = "second", .yaml = second, .derive = derive_nothing}};
  const auto tables = load_tables(options);
  ASSERT_TRUE(tables) << tables.error().message;
  const auto checkpoint = test::make_checkpoint({{"odd.one", {1}}, {"odd.two", {1}}});
  const auto identity = identify(*checkpoint, **tables);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->status, IdentityStatus::kAmbiguous);
  EXPECT_THAT(identity->findings[0].message, HasSubstr("first (plain) and second (plain)"));
  IdentifyRequest request;
  request.family = "second";
  const auto settled = identify(*checkpoint, **tables, request);
  ASSERT_TRUE(settled);
  EXPECT_EQ(settled->status, IdentityStatus::kIdentified);
  EXPECT_EQ(settled->parts[0].family, "second");
}

}  // namespace
}  // namespace tenon
