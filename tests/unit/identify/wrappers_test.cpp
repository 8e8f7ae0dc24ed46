// Prefixes: found by evidence, stripped no further than the names ask for.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tenon/identify.h>

#include "tests/support/lists.h"

namespace tenon {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr std::string_view kWrappedList = "vit/vit_tiny_patch16_224.timm.tsv";

std::vector<test::Placeholder> joined(std::vector<test::Placeholder> a, const std::vector<test::Placeholder>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Identity identify_wrapped(const std::vector<test::Placeholder>& tensors, const IdentifyRequest& request = {}) {
  auto identity = identify(*test::make_checkpoint(tensors), *builtin_tables(), request);
  if (!identity) ADD_FAILURE() << identity.error().message;
  return identity.value_or(Identity{});
}

std::vector<std::string> part_names(const Identity& identity) {
  std::vector<std::string> names;
  for (const Part& part : identity.parts) names.push_back(part.part);
  return names;
}

class OneWrapper : public ::testing::TestWithParam<const char*> {};

TEST_P(OneWrapper, IsStrippedAndReported) {
  const auto tensors = test::read_list(kWrappedList, GetParam());
  const auto identity = identify_wrapped(tensors);
  ASSERT_EQ(identity.parts.size(), 1U);
  EXPECT_EQ(identity.parts[0].part, "model");
  EXPECT_EQ(identity.parts[0].prefix, GetParam());
  EXPECT_EQ(identity.parts[0].variant, "vit_tiny_patch16_224");
  const auto mapped = map_part(*test::make_checkpoint(tensors), identity.parts[0]);
  EXPECT_EQ(mapped.tensors.size(), tensors.size());
  EXPECT_TRUE(mapped.unexpected.empty());
}

INSTANTIATE_TEST_SUITE_P(Nested,
                         OneWrapper,
                         ::testing::Values("", "module.", "_orig_mod.module.", "state_dict.", "state_dict._orig_mod.module.", "state_dict.model.",
                                           "teacher.backbone.", "somebody.elses.wrapper."));

TEST(Wrappers, MixedNamesAreOnePartWithAllPrefixes) {
  auto tensors = test::read_list(kWrappedList);
  int bare = 0;
  for (auto& tensor : tensors) {
    if (tensor.name.starts_with("head.")) {
      ++bare;
    } else {
      tensor.name = "module." + tensor.name;
    }
  }
  ASSERT_EQ(bare, 2);
  const auto identity = identify_wrapped(tensors);
  ASSERT_EQ(identity.parts.size(), 1U);
  EXPECT_EQ(identity.parts[0].prefix, "module.");
  EXPECT_THAT(identity.parts[0].prefixes, ElementsAre("module.", ""));
  EXPECT_EQ(map_part(*test::make_checkpoint(tensors), identity.parts[0]).tensors.size(), tensors.size());
}

TEST(Wrappers, HalfTheBlocksBehindAWrapperAreStillOnePart) {
  auto tensors = test::read_list(kWrappedList);
  for (auto& tensor : tensors) {
    if (tensor.name.starts_with("blocks.1") || tensor.name.starts_with("blocks.2")) tensor.name = "_orig_mod." + tensor.name;
  }
  const auto identity = identify_wrapped(tensors);
  ASSERT_EQ(identity.parts.size(), 1U);
  EXPECT_THAT(identity.parts[0].prefixes, ElementsAre("", "_orig_mod."));
  EXPECT_EQ(identity.parts[0].variant, "vit_tiny_patch16_224");
}

TEST(Wrappers, ATensorWithAndWithoutItsWrapperIsADuplicate) {
  auto tensors = test::read_list(kWrappedList, "module.");
  tensors.push_back({"head.bias", {1000}});
  const auto identity = identify_wrapped(tensors);
  ASSERT_EQ(identity.parts.size(), 1U);
  const auto mapped = map_part(*test::make_checkpoint(tensors), identity.parts[0]);
  ASSERT_EQ(mapped.problems.size(), 1U);
  EXPECT_TRUE(mapped.problems[0].duplicate);
  EXPECT_EQ(mapped.problems[0].target, "head.bias");
}

TEST(Wrappers, ATensorBehindTwoWrappersIsADuplicate) {
  for (const char* twice : {"module.module.norm.weight", "backbone.norm.weight"}) {
    auto tensors = test::read_list(kWrappedList, "module.");
    tensors.push_back({twice, {192}});
    const auto checkpoint = test::make_checkpoint(tensors);
    const auto identity = identify_wrapped(tensors);
    ASSERT_EQ(identity.parts.size(), 1U);
    const auto mapped = map_part(*checkpoint, identity.parts[0]);
    ASSERT_EQ(mapped.problems.size(), 1U) << twice;
    EXPECT_TRUE(mapped.problems[0].duplicate);
    EXPECT_THAT(mapped.problems[0].message, ::testing::HasSubstr(twice));
    EXPECT_THAT(mapped.problems[0].message, ::testing::HasSubstr("\"module.norm.weight\""));
  }
}

TEST(Wrappers, AveragedWeightsAreAPartOfTheirOwn) {
  const auto identity = identify_wrapped(joined(test::read_list(kWrappedList, "state_dict."), test::read_list(kWrappedList, "state_dict_ema.")));
  EXPECT_THAT(part_names(identity), UnorderedElementsAre("model", "ema"));
}

TEST(Wrappers, StudentAndTeacherAreTwoParts) {
  const auto identity = identify_wrapped(joined(test::read_list(kWrappedList, "student.backbone."), test::read_list(kWrappedList, "teacher.backbone.")));
  EXPECT_THAT(part_names(identity), UnorderedElementsAre("student", "teacher"));
  EXPECT_EQ(identity.parts[0].prefix, "student.backbone.");
}

TEST(Wrappers, AveragedWeightsMayMissABlockOnlyInTheirOwnPart) {
  auto averaged = test::read_list(kWrappedList, "model_ema.");
  std::erase_if(averaged, [](const auto& tensor) { return tensor.name.starts_with("model_ema.blocks.3."); });
  const auto tensors = joined(test::read_list(kWrappedList, "model."), averaged);
  const auto identity = identify_wrapped(tensors);
  ASSERT_THAT(part_names(identity), UnorderedElementsAre("model", "ema"));
  for (const Part& part : identity.parts) {
    EXPECT_EQ(part.prefix, part.part == "ema" ? "model_ema." : "model.");
    EXPECT_EQ(part.tensors.size(), part.part == "ema" ? averaged.size() : tensors.size() - averaged.size());
  }
}

// What Lightning's trainer saves: the module's attribute before every name, the optimizer's moments by parameter.
TEST(Wrappers, ACheckpointOfLightningIsRead) {
  auto tensors = test::read_list(kWrappedList, "state_dict.net.");
  for (int i = 0; i < 4; ++i) {
    const auto at = "optimizer_states.0.state." + std::to_string(i) + ".";
    for (const char* moment : {"exp_avg", "exp_avg_sq"}) tensors.push_back({at + moment, {192}});
    tensors.push_back({at + "step", {}});
  }
  tensors.push_back({"state_dict.train_accuracy.total", {}, DType::kI64});
  const auto identity = identify_wrapped(tensors);
  ASSERT_FALSE(identity.parts.empty());
  const auto model = std::find_if(identity.parts.begin(), identity.parts.end(), [](const Part& part) { return part.buildable; });
  ASSERT_NE(model, identity.parts.end());
  EXPECT_EQ(model->prefix, "state_dict.net.");
  EXPECT_EQ(model->variant, "vit_tiny_patch16_224");
  const auto mapped = map_part(*test::make_checkpoint(tensors), *model);
  EXPECT_EQ(mapped.tensors.size(), test::read_list(kWrappedList).size());
  EXPECT_LE(mapped.unexpected.size(), 1U);  // the metric, where no part of its own takes it
}

TEST(Wrappers, AnOptimizerIsNamedAndDoesNotDisturb) {
  auto tensors = test::read_list(kWrappedList, "state_dict.module.");
  for (int i = 0; i < 4; ++i) {
    const auto at = "optimizer.state." + std::to_string(i) + ".";
    for (const char* moment : {"exp_avg", "exp_avg_sq"}) tensors.push_back({at + moment, {192}});
    tensors.push_back({at + "step", {}});
  }
  const auto identity = identify_wrapped(tensors);
  EXPECT_THAT(part_names(identity), UnorderedElementsAre("model", "optimizer"));
  for (const Part& part : identity.parts) {
    if (part.part != "optimizer") continue;
    EXPECT_EQ(part.family, "training-state");
    EXPECT_FALSE(part.buildable);
    EXPECT_EQ(part.tensors.size(), 12U);
  }
}

TEST(Wrappers, CountersOfTheTrainingAreHarmless) {
  auto tensors = test::read_list(kWrappedList, "state_dict.");
  tensors.push_back({"global_step", {}, DType::kI64});
  const auto identity = identify_wrapped(tensors);
  ASSERT_EQ(identity.parts.size(), 1U);
  const auto mapped = map_part(*test::make_checkpoint(tensors), identity.parts[0]);
  EXPECT_TRUE(mapped.unexpected.empty());
  ASSERT_EQ(mapped.ignored.size(), 1U);
  EXPECT_EQ(mapped.ignored[0].reason, "a counter of the training");
}

TEST(Wrappers, AFolderNamesItsPart) {
  const auto checkpoint = test::make_checkpoint(test::read_list(kWrappedList, "image_encoder."));
  checkpoint->folder_parts = {"image_encoder."};
  const auto identity = identify(*checkpoint, *builtin_tables());
  ASSERT_TRUE(identity);
  EXPECT_THAT(part_names(*identity), ElementsAre("image_encoder"));
}

// Stripping goes no further than the names of the layout: what is left over keeps the name that the file has.
TEST(Wrappers, AStrangerBehindAWrapperKeepsItsWholeName) {
  for (const char* stranger : {"module.blocks.0.extra", "module.module.extra.weight", "backbone.extra", "extra"}) {
    auto tensors = test::read_list(kWrappedList, "module.");
    tensors.push_back({stranger, {192}});
    const auto checkpoint = test::make_checkpoint(tensors);
    const auto identity = identify_wrapped(tensors);
    const auto vit = std::find_if(identity.parts.begin(), identity.parts.end(), [](const Part& part) { return part.buildable; });
    ASSERT_NE(vit, identity.parts.end()) << stranger;
    EXPECT_EQ(vit->prefix, "module.") << stranger;
    const auto mapped = map_part(*checkpoint, *vit);
    EXPECT_EQ(mapped.tensors.size(), tensors.size() - 1) << stranger;
    EXPECT_TRUE(mapped.problems.empty()) << stranger;
    for (const auto index : mapped.unexpected) EXPECT_EQ(checkpoint->tensors[index].name, stranger);
  }
}

Derivation derive_none(const DeriveInput&) { return {}; }

/// A family whose own names begin with a word that is also a wrapper.
std::shared_ptr<const Tables> tables_with_module_called_model() {
  static constexpr std::string_view kYaml = R"(tenon_tables: 1
family: sequential
own: plain
sets: {wb: [weight, bias]}
layouts:
  plain:
    evidence: {anchors: ["model.{i}.weight"], all: [scale_of_sequential]}
    rows: ["model.{i}.{wb}", scale_of_sequential]
)";
  TablesOptions options;
  options.extra = {FamilyTables{.name = "sequential", .yaml = kYaml, .derive = derive_none}};
  auto tables = load_tables(options);
  EXPECT_TRUE(tables) << (tables ? "" : tables.error().message);
  return tables.value_or(nullptr);
}

TEST(Wrappers, AWrapperNameThatIsAlsoAModuleStays) {
  const auto tables = tables_with_module_called_model();
  for (const std::string prefix : {"", "model.", "module.model."}) {
    std::vector<test::Placeholder> tensors = {{prefix + "scale_of_sequential", {}}};
    for (const char* name : {"model.0.weight", "model.0.bias", "model.2.weight"}) tensors.push_back({prefix + name, {3, 3}});
    const auto checkpoint = test::make_checkpoint(tensors);
    const auto identity = identify(*checkpoint, *tables);
    ASSERT_TRUE(identity);
    ASSERT_EQ(identity->parts.size(), 1U) << prefix;
    EXPECT_EQ(identity->parts[0].family, "sequential");
    EXPECT_EQ(identity->parts[0].prefix, prefix);
    EXPECT_EQ(map_part(*checkpoint, identity->parts[0]).tensors.size(), tensors.size());
  }
}

}  // namespace
}  // namespace tenon
