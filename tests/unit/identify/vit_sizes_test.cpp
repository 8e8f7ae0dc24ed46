// ViTs of any patch, image, depth and width, as each library saves them: a grid of sizes, what it leaves open drawn from a seed.
#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tenon/identify.h>
#include <tenon/policy.h>

#include "tests/support/lists.h"
#include "tests/support/vit_files.h"

namespace tenon {
namespace {

using Pair = std::array<std::int64_t, 2>;

constexpr std::array<Pair, 5> kPatches{{{1, 1}, {7, 7}, {8, 16}, {14, 14}, {32, 32}}};
constexpr std::array<Pair, 8> kGrids{{{1, 1}, {2, 2}, {3, 3}, {14, 14}, {37, 37}, {2, 5}, {17, 1}, {4, 16}}};
constexpr std::array<std::int64_t, 3> kDepths{1, 2, 11};

std::vector<test::VitSize> sizes_of(const test::VitWriter& writer) {
  std::mt19937 generator(5);
  std::vector<test::VitSize> sizes;
  for (const Pair& patch : kPatches) {
    for (const Pair& grid : kGrids) sizes.push_back(test::draw_vit(writer, generator, patch, grid, kDepths[sizes.size() % kDepths.size()]));
  }
  return sizes;
}

/// What the module needs: the names of the family's own layout.
ModelSpec own_spec(const test::VitSize& size) {
  ModelSpec spec;
  for (const auto& tensor : test::vit_file(test::vit_writers().front(), size)) {
    spec.tensors.push_back({tensor.name, {}, {tensor.dtype, tensor.shape}, false});
  }
  return spec;
}

struct Opened {
  std::shared_ptr<Checkpoint> checkpoint;
  Identity identity;
  [[nodiscard]] const Part& part() const { return identity.parts.front(); }
  [[nodiscard]] std::vector<std::string> undecidable() const {
    std::vector<std::string> keys;
    for (const Undecidable& item : part().undecidable) keys.push_back(item.what);
    return keys;
  }
};

Opened open(const std::vector<test::Placeholder>& tensors, const Config& set = {}) {
  Opened opened{test::make_checkpoint(tensors), {}};
  IdentifyRequest request;
  request.set = set;
  auto identity = identify(*opened.checkpoint, *builtin_tables(), request);
  if (identity) opened.identity = *std::move(identity);
  if (opened.identity.parts.empty()) opened.identity.parts.emplace_back();
  return opened;
}

LoadReport strict_report(const Opened& opened, const test::VitSize& size) {
  CheckRequest request;
  request.asked = size.unseen();
  request.head_prefixes = {"head", "head_dist"};
  request.forward = true;  // what the forward needs and nobody says is an error
  const Mapped mapped = map_part(*opened.checkpoint, opened.part());
  return decide(*opened.checkpoint, opened.identity, opened.part(), own_spec(size), mapped, Policy{}, request).report;
}

std::string first_of(const LoadReport& report) { return report.findings.empty() ? "" : report.findings.front().message; }

/// The first key of `wanted` that was read as something else, with what it was read as; empty where all are as they should be.
std::string misread(const Config& config, const Config& wanted, const Config& besides = {}) {
  for (const Config::Item& item : wanted.items()) {
    const Value* have = config.find(item.key);
    if (besides.has(item.key) || (have != nullptr && *have == item.value)) continue;
    return item.key + " is " + (have == nullptr ? "nowhere" : to_string(*have));
  }
  return {};
}

class VitSizes : public ::testing::TestWithParam<test::VitWriter> {};

TEST_P(VitSizes, AreIdentifiedAcceptedByStrictAndRebuiltToTheirConfig) {
  for (const test::VitSize& size : sizes_of(GetParam())) {
    const Opened opened = open(test::vit_file(GetParam(), size), size.unseen());
    ASSERT_EQ(opened.identity.status, IdentityStatus::kIdentified) << size;
    ASSERT_EQ(opened.part().family, "vit") << size;
    ASSERT_EQ(opened.part().layout, GetParam().layout) << size;
    ASSERT_TRUE(opened.part().undecidable.empty()) << opened.part().undecidable.front().what << ": " << size;
    ASSERT_EQ(misread(opened.part().config, size.config()), "") << size;
    const LoadReport report = strict_report(opened, size);
    ASSERT_EQ(report.verdict, Verdict::kAccepted) << first_of(report) << ": " << size;
    ASSERT_TRUE(report.findings.empty() || report.findings.front().severity == Severity::kNote) << first_of(report) << ": " << size;
  }
}

TEST_P(VitSizes, AreRefusedWithOneDimensionOfABlockChanged) {
  std::mt19937 generator(6);
  for (const test::VitSize& size : sizes_of(GetParam())) {
    auto tensors = test::vit_file(GetParam(), size);
    std::vector<test::Placeholder*> inside;
    for (auto& tensor : tensors) {
      if (tensor.name.find(".0.") != std::string::npos) inside.push_back(&tensor);
    }
    test::Placeholder& changed = *inside[generator() % inside.size()];
    changed.shape[generator() % changed.shape.size()] += 1;
    const Opened opened = open(tensors, size.unseen());
    ASSERT_EQ(opened.part().family, "vit") << changed.name << ": " << size;
    const LoadReport report = strict_report(opened, size);
    ASSERT_EQ(report.verdict, Verdict::kRefused) << changed.name << ": " << size;
    ASSERT_TRUE(std::any_of(report.findings.begin(), report.findings.end(), [&](const Finding& finding) {
      return finding.source.find(changed.name) != std::string::npos || finding.message.find(changed.name) != std::string::npos;
    })) << changed.name << " is not named: " << first_of(report) << ": " << size;
  }
}

TEST_P(VitSizes, LeaveOpenOnlyWhatNoTensorShows) {
  for (const test::VitSize& size : sizes_of(GetParam())) {
    const Opened opened = open(test::vit_file(GetParam(), size));
    ASSERT_EQ(opened.part().family, "vit") << size;
    ASSERT_THAT(opened.undecidable(), ::testing::IsSubsetOf({"num_heads", "act", "norm_eps", "img_size"})) << size;
    if (size.shows_its_grid()) {
      ASSERT_EQ(misread(opened.part().config, size.config(), size.unseen()), "") << size;
    }
  }
}

using Shapes = std::map<std::string, Shape>;

/// Names and shapes without those that the layout calls harmless.
Shapes shapes_of(const Opened& opened) {
  Shapes shapes;
  for (const TensorEntry& entry : opened.checkpoint->tensors) shapes[entry.name] = entry.shape;
  for (const IgnoredTensor& ignored : map_part(*opened.checkpoint, opened.part()).ignored) {
    shapes.erase(opened.checkpoint->tensors[ignored.tensor].name);
  }
  return shapes;
}

TEST_P(VitSizes, AreWrittenUnderTheNamesThatTheLibraryGivesThem) {
  for (const test::VitSize& size : sizes_of(GetParam())) {
    std::vector<std::pair<std::string, TensorType>> own;
    for (const ExpectedTensor& tensor : own_spec(size).tensors) own.emplace_back(tensor.name, tensor.type);
    const auto written = unmap(*builtin_tables(), "vit", GetParam().layout, size.config(), own);
    ASSERT_TRUE(written) << written.error().message << ": " << size;
    Shapes shapes;
    for (const MappedTensor& tensor : *written) shapes[tensor.target] = tensor.type.shape;
    ASSERT_EQ(shapes, shapes_of(open(test::vit_file(GetParam(), size), size.unseen()))) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, VitSizes, ::testing::ValuesIn(test::vit_writers()), [](const auto& instance) {
  std::string name = instance.param.name;
  std::erase_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); });
  return name;
});

// Nine positions: 3 x 3 patches without positions for the five tokens in front, or 2 x 2 patches with.
TEST(VitPositions, AreAskedForWhereTwoGridsAreSquare) {
  test::VitSize size;
  size.patch = {8, 8};
  size.grid = {3, 3};
  size.registers = 4;
  size.no_embed_class = true;
  const auto file = test::vit_file(test::vit_writers().front(), size);
  const Opened unasked = open(file);
  ASSERT_THAT(unasked.undecidable(), ::testing::Contains("img_size"));
  for (const Undecidable& item : unasked.part().undecidable) {
    if (item.what != "img_size") continue;
    EXPECT_EQ(item.choices, (std::vector<Value>{Value(16), Value(24)}));
  }
  Config three = size.unseen();
  three.set("img_size", 24, ConfigOrigin::kSet);
  EXPECT_EQ(strict_report(open(file, three), size).verdict, Verdict::kAccepted);
  EXPECT_TRUE(open(file, three).part().config.bool_or("no_embed_class", false));
  Config two = three;
  two.set("img_size", 16, ConfigOrigin::kSet);
  EXPECT_FALSE(open(file, two).part().config.bool_or("no_embed_class", true));
}

TEST(VitPositions, OneMoreThanASquareIsNoLostClassTokenWhereTheImageIsNoSquare) {
  test::VitSize size;
  size.grid = {2, 5};
  size.class_token = false;
  size.average = true;
  auto file = test::vit_file(test::vit_writers().front(), size);
  EXPECT_EQ(strict_report(open(file, size.unseen()), size).verdict, Verdict::kAccepted);
  size.grid = {3, 3};
  size.class_token = true;
  file = test::vit_file(test::vit_writers().front(), size);
  std::erase_if(file, [](const test::Placeholder& tensor) { return tensor.name == "cls_token"; });
  const LoadReport report = strict_report(open(file, size.unseen()), size);
  EXPECT_EQ(report.verdict, Verdict::kRefused);
  EXPECT_EQ(report.findings.front().target, "cls_token") << first_of(report);
}

}  // namespace
}  // namespace tenon
