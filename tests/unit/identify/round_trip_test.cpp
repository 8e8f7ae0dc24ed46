// Map, write back, map again: bit-equal on the goldens' random values, for every pair of layouts that can say a model.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <tenon/identify.h>

#include "runtime/identify/bound_layout.h"
#include "runtime/identify/tables.h"
#include "tests/support/evaluate.h"
#include "tests/support/lists.h"
#include "tests/support/paths.h"

namespace tenon {
namespace {

using Weights = std::map<std::string, test::Numbers>;

std::vector<std::string> goldens() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(test::source_dir() / "tests" / "golden" / "vit")) {
    if (std::filesystem::exists(entry.path() / "golden.json")) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// The one buildable part; the test has failed when there is none.
Part only_part(const Checkpoint& checkpoint) {
  auto identity = identify(checkpoint, *builtin_tables());
  if (!identity || identity->parts.size() != 1 || !identity->parts[0].buildable) {
    ADD_FAILURE() << "not one buildable part";
    return {};
  }
  return identity->parts[0];
}

/// The own tensors of a checkpoint whose tensors have these values.
Weights map_weights(const Checkpoint& checkpoint, const Part& part, const std::function<test::Numbers(const TensorEntry&)>& value) {
  Weights own;
  for (const MappedTensor& tensor : map_part(checkpoint, part).tensors) {
    std::vector<test::Numbers> sources;
    for (const auto source : tensor.sources) sources.push_back(value(checkpoint.tensors[source]));
    own[tensor.target] = test::evaluate(tensor.expr, sources);
    EXPECT_EQ(own[tensor.target].shape, tensor.type.shape) << tensor.target;
  }
  return own;
}

std::vector<std::pair<std::string, TensorType>> types_of(const Weights& own) {
  std::vector<std::pair<std::string, TensorType>> types;
  for (const auto& [name, numbers] : own) types.emplace_back(name, TensorType{DType::kF32, numbers.shape});
  return types;
}

Weights write_weights(const std::vector<MappedTensor>& written, const Weights& own) {
  std::vector<test::Numbers> values;
  for (const auto& [name, numbers] : own) values.push_back(numbers);
  Weights file;
  for (const MappedTensor& tensor : written) {
    std::vector<test::Numbers> sources;
    for (const auto source : tensor.sources) sources.push_back(values[source]);
    EXPECT_TRUE(file.emplace(tensor.target, test::evaluate(tensor.expr, sources)).second) << tensor.target << " is written twice";
  }
  return file;
}

std::shared_ptr<Checkpoint> as_checkpoint(const Weights& file) {
  std::vector<test::Placeholder> tensors;
  for (const auto& [name, numbers] : file) tensors.push_back({name, numbers.shape});
  return test::make_checkpoint(tensors);
}

class RoundTrip : public ::testing::TestWithParam<std::string> {};

TEST_P(RoundTrip, EveryLayoutGivesTheSameModelBack) {
  const auto path = test::source_dir() / "tests" / "golden" / "vit" / GetParam() / "checkpoint.safetensors";
  const auto opened = open_checkpoint(path.string());
  ASSERT_TRUE(opened) << opened.error().message;
  if ((*opened)->tensors[0].dtype != DType::kF32) return;  // widths are the loader's business, names are the tables'
  const Part part = only_part(**opened);
  const Weights own = map_weights(**opened, part, [&](const TensorEntry& entry) { return test::read_numbers(**opened, entry); });
  ASSERT_FALSE(own.empty());
  int written_layouts = 0;
  for (const std::string& layout : layout_names(*builtin_tables(), part.family)) {
    const auto written = unmap(*builtin_tables(), part.family, layout, part.config, types_of(own));
    if (!written) continue;  // a layout that cannot say this model
    ++written_layouts;
    const Weights file = write_weights(*written, own);
    const auto checkpoint = as_checkpoint(file);
    const Part again = only_part(*checkpoint);
    const Weights back = map_weights(*checkpoint, again, [&](const TensorEntry& entry) { return file.at(entry.name); });
    EXPECT_EQ(back, own) << layout;
    EXPECT_EQ(again.config.find("depth")->as_int(), part.config.find("depth")->as_int());
  }
  EXPECT_GE(written_layouts, 1);
  const auto home = unmap(*builtin_tables(), part.family, part.layout, part.config, types_of(own));
  EXPECT_TRUE(home) << part.layout << ": " << (home ? "" : home.error().message);
}

INSTANTIATE_TEST_SUITE_P(Vit, RoundTrip, ::testing::ValuesIn(goldens()), [](const auto& info) { return info.param; });

TEST(RoundTrip, OwnNamesMapToThemselves) {
  for (const std::string& golden : goldens()) {
    const auto path = test::source_dir() / "tests" / "golden" / "vit" / golden / "checkpoint.safetensors";
    const auto opened = open_checkpoint(path.string());
    ASSERT_TRUE(opened);
    std::vector<test::Placeholder> own;
    for (const MappedTensor& tensor : map_part(**opened, only_part(**opened)).tensors) own.push_back({tensor.target, tensor.type.shape});
    const auto checkpoint = test::make_checkpoint(own);
    const Part part = only_part(*checkpoint);
    EXPECT_EQ(part.layout, "timm") << golden;
    for (const MappedTensor& tensor : map_part(*checkpoint, part).tensors) {
      EXPECT_EQ(checkpoint->tensors[tensor.sources[0]].name, tensor.target);
      EXPECT_THAT(describe(tensor.expr), ::testing::ElementsAre("rename"));
    }
  }
}

// Lists that no reference model has: files that training or older code wrote.
std::vector<std::shared_ptr<Checkpoint>> further_lists() {
  auto chunked = test::read_list("vit/vit_small_patch14_dinov2.dinov2.tsv");
  for (auto& tensor : chunked) {
    if (tensor.name.starts_with("blocks.")) tensor.name = "blocks.0." + tensor.name.substr(7);
  }
  auto deit3 = test::read_list("vit/deit3_base_patch16_224.timm.tsv");
  for (auto& tensor : deit3) {
    if (tensor.name.ends_with(".gamma")) tensor.name = tensor.name.substr(0, tensor.name.size() - 9) + "gamma_" + tensor.name.substr(tensor.name.size() - 7, 1);
  }
  return {test::make_checkpoint(chunked), test::make_checkpoint(deit3)};
}

TEST(Rows, EveryRowFiresOnSomeList) {
  std::set<std::string> fired;
  const auto collect = [&](const Checkpoint& checkpoint) {
    for (const MappedTensor& tensor : map_part(checkpoint, only_part(checkpoint)).tensors) fired.insert(tensor.rule);
  };
  for (const auto& item : test::list_cases("vit/")) collect(*test::make_checkpoint(test::read_list(item.file)));
  for (const auto& checkpoint : further_lists()) collect(*checkpoint);
  for (const std::string& golden : goldens()) {
    const auto opened = open_checkpoint((test::source_dir() / "tests" / "golden" / "vit" / golden / "checkpoint.safetensors").string());
    ASSERT_TRUE(opened);
    collect(**opened);
  }
  std::set<std::string> idle;
  const FamilyTable& family = *builtin_tables()->family("vit");
  for (const LayoutTable& layout : family.layouts) {
    for (const FormChoice& choice : form_choices(layout)) {
      TableFaults faults;
      for (const Rule& rule : expand_form(family, layout, choice, {}, faults).rules) {
        if (!fired.contains(rule.id)) idle.insert(rule.id);
      }
    }
  }
  EXPECT_THAT(idle, ::testing::IsEmpty());
}

TEST(Rows, ChunkedBlocksAndOldLayerScalesAreRead) {
  const auto lists = further_lists();
  const Part chunked = only_part(*lists[0]);
  EXPECT_EQ(chunked.layout, "dinov2");
  EXPECT_EQ(chunked.variant, "vit_small_patch14_dinov2");
  EXPECT_TRUE(map_part(*lists[0], chunked).unexpected.empty());
  const Part deit3 = only_part(*lists[1]);
  EXPECT_EQ(deit3.variant, "deit3_base_patch16_224");
  EXPECT_TRUE(map_part(*lists[1], deit3).unexpected.empty());
}

}  // namespace
}  // namespace tenon
