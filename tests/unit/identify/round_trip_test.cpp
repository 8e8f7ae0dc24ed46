// Map, write back, map again: bit-equal on random values, for every pair of layouts that can say a model.
#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>

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

std::filesystem::path golden_root() { return test::source_dir() / "tests" / "golden"; }

/// "vit/timm_plain": the goldens of one family, or of all of them.
std::vector<std::string> goldens(std::string_view family = "") {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(golden_root())) {
    if (entry.path().filename() != "golden.json") continue;
    const auto folder = entry.path().parent_path();
    if (!std::filesystem::exists(folder / "checkpoint.safetensors")) continue;
    const auto name = folder.lexically_relative(golden_root()).string();
    if (name.starts_with(family)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::shared_ptr<const Checkpoint> open_golden(const std::string& name) {
  auto opened = open_checkpoint((golden_root() / name / "checkpoint.safetensors").string());
  if (!opened) throw std::runtime_error(opened.error().message);
  return *opened;
}

/// The one buildable part; the test has failed when there is none.
Part only_part(const Checkpoint& checkpoint, const IdentifyRequest& request = {}) {
  auto identity = identify(checkpoint, *builtin_tables(), request);
  std::vector<Part> built;
  if (identity) {
    for (Part& part : identity->parts) {
      if (part.buildable) built.push_back(std::move(part));
    }
  }
  if (built.size() == 1) return std::move(built[0]);
  ADD_FAILURE() << checkpoint.path << ": " << built.size() << " buildable parts";
  return {};
}

/// The config values that a golden's weights cannot tell.
IdentifyRequest request_of(const std::string& golden) {
  std::ifstream stream(golden_root() / golden / "golden.json");
  const auto json = nlohmann::json::parse(stream);
  IdentifyRequest request;
  const auto set = json.value("set", nlohmann::json::object());
  for (const auto& [key, value] : set.items()) {
    request.set.set(key, parse_value(value.is_string() ? value.get<std::string>() : value.dump()), ConfigOrigin::kSet);
  }
  return request;
}

using Numbering = std::function<test::Numbers(const TensorEntry&)>;

/// Values of a tensor's shape that no other tensor has.
test::Numbers random_numbers(const TensorEntry& entry) {
  std::mt19937 generator(static_cast<std::mt19937::result_type>(std::hash<std::string>{}(entry.name)));
  std::uniform_real_distribution<float> value(-1, 1);
  test::Numbers numbers{entry.shape, std::vector<float>(static_cast<std::size_t>(numel(entry.shape).value()))};
  for (float& number : numbers.values) number = value(generator);
  return numbers;
}

/// The own tensors of a checkpoint whose tensors have these values.
Weights map_weights(const Checkpoint& checkpoint, const Part& part, const Numbering& value) {
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

/// The model that a layout's file gives back, once a model was written in it; nothing where it cannot say the model.
std::optional<Weights> through(const std::string& layout, const Part& part, const Weights& own) {
  const auto written = unmap(*builtin_tables(), part.family, layout, part.config, types_of(own));
  if (!written) return std::nullopt;
  const Weights file = write_weights(*written, own);
  const auto checkpoint = as_checkpoint(file);
  checkpoint->path = layout;
  const Part again = only_part(*checkpoint);
  EXPECT_EQ(again.family, part.family);
  return map_weights(*checkpoint, again, [&](const TensorEntry& entry) { return file.at(entry.name); });
}

class RoundTrip : public ::testing::TestWithParam<std::string> {};

TEST_P(RoundTrip, EveryLayoutGivesTheSameModelBack) {
  const auto checkpoint = open_golden(GetParam());
  const Part part = only_part(*checkpoint, request_of(GetParam()));
  const Weights own = map_weights(*checkpoint, part, random_numbers);
  ASSERT_FALSE(own.empty());
  for (const std::string& layout : layout_names(*builtin_tables(), part.family)) {
    const auto back = through(layout, part, own);
    if (back) {
      EXPECT_TRUE(*back == own) << layout;
    }
    EXPECT_TRUE(back || layout != part.layout) << part.layout << " cannot be written";
  }
}

INSTANTIATE_TEST_SUITE_P(Goldens, RoundTrip, ::testing::ValuesIn(goldens()), [](const auto& golden) {
  std::string name = golden.param;
  std::replace_if(name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

/// Adapters of a published size: only those have attentions with a number in every layout.
constexpr std::array kPublishedAdapters = {"base-sd15", "full-sd15", "plus-sd15", "faceid-portrait-sd15"};

std::shared_ptr<const Checkpoint> published_adapter(const std::string& name) {
  return test::make_checkpoint(test::read_list("ip_adapter/" + name + ".published.tsv"));
}

TEST(RoundTrip, EveryLayoutGivesAPublishedAdapterBack) {
  for (const char* name : kPublishedAdapters) {
    const auto checkpoint = published_adapter(name);
    const Part part = only_part(*checkpoint);
    const Weights own = map_weights(*checkpoint, part, random_numbers);
    for (const std::string& layout : layout_names(*builtin_tables(), part.family)) {
      const auto back = through(layout, part, own);
      EXPECT_TRUE(back && *back == own) << part.variant << ": " << layout;
    }
  }
}

using OwnTypes = std::vector<std::pair<std::string, TensorType>>;

OwnTypes own_types(const Checkpoint& checkpoint, const Part& part) {
  OwnTypes types;
  for (const MappedTensor& tensor : map_part(checkpoint, part).tensors) types.emplace_back(tensor.target, tensor.type);
  return types;
}

// By names alone: the values of one such adapter fill gigabytes.
TEST(RoundTrip, EveryLayoutGivesTheAttentionsOfSdxlTheirNamesBack) {
  const auto checkpoint = published_adapter("faceid-portrait-sdxl");
  const Part part = only_part(*checkpoint);
  const OwnTypes own = own_types(*checkpoint, part);
  for (const std::string& layout : layout_names(*builtin_tables(), part.family)) {
    const auto written = unmap(*builtin_tables(), part.family, layout, part.config, own);
    ASSERT_TRUE(written) << layout;
    std::map<std::string, std::string> own_name;
    std::vector<test::Placeholder> file;
    for (const MappedTensor& tensor : *written) {
      ASSERT_EQ(tensor.sources.size(), 1u) << tensor.target;
      own_name[tensor.target] = own[tensor.sources[0]].first;
      file.push_back({tensor.target, tensor.type.shape});
    }
    const auto again = test::make_checkpoint(file);
    const auto mapped = map_part(*again, only_part(*again)).tensors;
    EXPECT_EQ(mapped.size(), own.size()) << layout;
    for (const MappedTensor& tensor : mapped) {
      EXPECT_EQ(own_name[again->tensors[tensor.sources[0]].name], tensor.target) << layout;
    }
  }
}

// Through one model two layouts are a pair: RoundTrip shows that each of them gives it back.
TEST(Layouts, EveryPairOfAFamilyIsCrossedByAModel) {
  std::map<std::string, std::set<std::pair<std::string, std::string>>> crossed;
  const auto cross = [&](const Checkpoint& checkpoint, const Part& part) {
    const OwnTypes own = own_types(checkpoint, part);
    std::vector<std::string> writable;
    for (const std::string& layout : layout_names(*builtin_tables(), part.family)) {
      if (unmap(*builtin_tables(), part.family, layout, part.config, own)) writable.push_back(layout);
    }
    for (const std::string& from : writable) {
      for (const std::string& to : writable) crossed[part.family].emplace(from, to);
    }
  };
  for (const std::string& golden : goldens()) {
    const auto checkpoint = open_golden(golden);
    cross(*checkpoint, only_part(*checkpoint, request_of(golden)));
  }
  for (const char* name : kPublishedAdapters) {
    const auto checkpoint = published_adapter(name);
    cross(*checkpoint, only_part(*checkpoint));
  }
  for (const auto& [family, pairs] : crossed) {
    const auto layouts = layout_names(*builtin_tables(), family);
    for (const std::string& from : layouts) {
      for (const std::string& to : layouts) EXPECT_TRUE(pairs.contains({from, to})) << family << ": " << from << " to " << to;
    }
  }
}

TEST(RoundTrip, OwnNamesMapToThemselves) {
  for (const std::string& golden : goldens()) {
    const auto opened = open_golden(golden);
    const Part first = only_part(*opened);
    std::vector<test::Placeholder> own;
    for (const MappedTensor& tensor : map_part(*opened, first).tensors) own.push_back({tensor.target, tensor.type.shape, tensor.type.dtype});
    const auto checkpoint = test::make_checkpoint(own);
    const Part part = only_part(*checkpoint);
    EXPECT_EQ(part.family, first.family) << golden;
    for (const MappedTensor& tensor : map_part(*checkpoint, part).tensors) {
      EXPECT_EQ(checkpoint->tensors[tensor.sources[0]].name, tensor.target) << golden;
      EXPECT_THAT(describe(tensor.expr), ::testing::ElementsAre("rename")) << golden;
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

// What IP-Adapter's training scripts save: the published files are made of it by renaming two modules.
std::vector<std::shared_ptr<const Checkpoint>> trained_adapters() {
  std::vector<std::shared_ptr<const Checkpoint>> lists;
  for (const char* name : {"full-sd15", "plus-sd15", "faceid-sd15", "faceid-plus-sd15"}) {
    auto tensors = test::read_list("ip_adapter/" + std::string(name) + ".published.tsv");
    for (auto& tensor : tensors) {
      for (const auto& [from, to] : {std::pair("image_proj.", "image_proj_model."), std::pair("ip_adapter.", "adapter_modules.")}) {
        if (tensor.name.starts_with(from)) tensor.name = to + tensor.name.substr(std::string_view(from).size());
      }
    }
    lists.push_back(test::make_checkpoint(tensors));
  }
  return lists;
}

std::vector<std::shared_ptr<const Checkpoint>> all_lists() {
  std::vector<std::shared_ptr<const Checkpoint>> lists;
  for (const auto& item : test::list_cases("")) {
    if (item.inspect.value("buildable", true)) lists.push_back(test::make_checkpoint(test::read_list(item.file)));
  }
  for (const auto& checkpoint : further_lists()) lists.push_back(checkpoint);
  for (const auto& checkpoint : trained_adapters()) lists.push_back(checkpoint);
  for (const std::string& golden : goldens()) lists.push_back(open_golden(golden));
  return lists;
}

/// The rows of a family that its YAML holds.
std::set<std::string> rows_of(const FamilyTable& family) {
  std::set<std::string> rows;
  for (const LayoutTable& layout : family.layouts) {
    if (!layout.like.empty()) continue;  // the rows of another
    for (const FormChoice& choice : form_choices(layout)) {
      TableFaults faults;
      for (const Rule& rule : expand_form(family, layout, choice, {}, faults).rules) rows.insert(rule.id);
    }
  }
  return rows;
}

TEST(Rows, EveryRowFiresOnSomeList) {
  std::map<std::string, std::set<std::string>> idle;
  for (const FamilyTable& family : builtin_tables()->families()) {
    if (!family.declined) idle[family.name] = rows_of(family);
  }
  for (const auto& checkpoint : all_lists()) {
    const Part part = only_part(*checkpoint);
    for (const MappedTensor& tensor : map_part(*checkpoint, part).tensors) idle[part.family].erase(tensor.rule);
  }
  for (const auto& [family, rows] : idle) EXPECT_THAT(rows, ::testing::IsEmpty()) << family;
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
