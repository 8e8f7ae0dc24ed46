// Wrappers in the middle of names: stripped where more is explained without them, and part of the name elsewhere.
#include <algorithm>

#include <gtest/gtest.h>

#include <tenon/identify.h>

#include "tests/support/lists.h"

namespace tenon {
namespace {

constexpr std::string_view kInnerList = "vit/vit_tiny_patch16_224.timm.tsv";
constexpr std::string_view kBlocks = "blocks.";

/// The list with a wrapper around every n-th block.
std::vector<test::Placeholder> wrapped_blocks(const std::string& wrapper, int every) {
  auto tensors = test::read_list(kInnerList);
  for (auto& tensor : tensors) {
    if (!tensor.name.starts_with(kBlocks)) continue;
    const auto dot = tensor.name.find('.', kBlocks.size());
    if (std::stoi(tensor.name.substr(kBlocks.size())) % every == 0) tensor.name.insert(dot + 1, wrapper);
  }
  return tensors;
}

Identity identify_inner(const Checkpoint& checkpoint) {
  auto identity = identify(checkpoint, *builtin_tables(), {});
  if (!identity) ADD_FAILURE() << identity.error().message;
  return identity.value_or(Identity{});
}

std::size_t prefix_notes(const Part& part) {
  return static_cast<std::size_t>(
      std::count_if(part.findings.begin(), part.findings.end(), [](const Finding& finding) { return finding.id == "TN-PREFIX"; }));
}

class InnerWrapper : public ::testing::TestWithParam<int> {};

TEST_P(InnerWrapper, IsStrippedAndSaidAndEverySourceIsTheFilesOwn) {
  const auto tensors = wrapped_blocks("_fsdp_wrapped_module._checkpoint_wrapped_module.", GetParam());
  const auto checkpoint = test::make_checkpoint(tensors);
  const auto identity = identify_inner(*checkpoint);
  ASSERT_EQ(identity.parts.size(), 1U);
  EXPECT_EQ(identity.parts[0].variant, "vit_tiny_patch16_224");
  EXPECT_EQ(prefix_notes(identity.parts[0]), 1U);
  const auto mapped = map_part(*checkpoint, identity.parts[0]);
  EXPECT_EQ(mapped.tensors.size(), tensors.size());
  EXPECT_TRUE(mapped.unexpected.empty());
  for (const MappedTensor& tensor : mapped.tensors) {
    ASSERT_EQ(tensor.sources.size(), 1U);
    const std::string& source = checkpoint->tensors[tensor.sources[0]].name;
    const auto last = tensor.target.rfind('.');
    EXPECT_EQ(source.substr(source.rfind('.') + 1), tensor.target.substr(last + 1)) << tensor.target;
    EXPECT_EQ(checkpoint->tensors[tensor.sources[0]].shape, tensor.type.shape) << source;
  }
}

INSTANTIATE_TEST_SUITE_P(AllAndSomeBlocks, InnerWrapper, ::testing::Values(1, 3, 5));

TEST(InnerWrappers, AModuleOfThatNameIsKeptWhereNothingIsGained) {
  auto tensors = test::read_list(kInnerList);
  tensors.push_back({"adapter.module.weight", {4}});
  const auto checkpoint = test::make_checkpoint(tensors);
  const auto identity = identify_inner(*checkpoint);
  ASSERT_EQ(identity.parts.size(), 1U);
  EXPECT_EQ(prefix_notes(identity.parts[0]), 0U);
  const auto mapped = map_part(*checkpoint, identity.parts[0]);
  ASSERT_EQ(mapped.unexpected.size(), 1U);
  EXPECT_EQ(checkpoint->tensors[mapped.unexpected[0]].name, "adapter.module.weight");
}

TEST(InnerWrappers, TwoNamesNeverBecomeOne) {
  auto tensors = wrapped_blocks("module.", 1);
  const auto plain = test::read_list(kInnerList);
  const auto twin = std::find_if(plain.begin(), plain.end(), [](const auto& tensor) { return tensor.name.starts_with(kBlocks); });
  ASSERT_NE(twin, plain.end());
  tensors.push_back(*twin);
  const auto checkpoint = test::make_checkpoint(tensors);
  for (const Part& part : identify_inner(*checkpoint).parts) EXPECT_EQ(prefix_notes(part), 0U);

  tensors.pop_back();
  const auto unspoiled = identify_inner(*test::make_checkpoint(tensors));
  ASSERT_EQ(unspoiled.parts.size(), 1U);
  EXPECT_EQ(prefix_notes(unspoiled.parts[0]), 1U);
}

}  // namespace
}  // namespace tenon
