#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>

#include <tenon/nn/functional.h>
#include <tenon/nn/layers.h>
#include <tenon/nn/spec_of.h>

namespace tenon {
namespace {

std::vector<std::string> names(const ModelSpec& spec) {
  std::vector<std::string> all;
  for (const auto& tensor : spec.tensors) all.push_back(tensor.name);
  return all;
}

struct Block : nn::Module {
  Block() : fc1(child<nn::Linear>("net.0.proj", 4, 8)), fc2(child<nn::Linear>("net.2", 8, 4, false)) {}
  at::Tensor forward(const at::Tensor& x) const { return fc2->forward(fc1->forward(x)); }
  std::shared_ptr<nn::Linear> fc1, fc2;
};

struct Model : nn::Module {
  explicit Model(int depth) : pos(declare("pos", {1, 2, 4})), blocks(child<nn::Stack<Block>>("blocks")) {
    for (int i = 0; i < depth; ++i) blocks->add();
  }
  at::Tensor pos;
  std::shared_ptr<nn::Stack<Block>> blocks;
};

struct TwoNames : nn::Module {
  TwoNames() : a(child<nn::Linear>("a", 2, 3)) { attach("z", a); }
  std::shared_ptr<nn::Linear> a;
};

TEST(Placeholder, HasItsShapeAndOneElementOfMemory) {
  const auto t = nn::placeholder({1000, 1000, 1000}, at::kFloat);
  EXPECT_EQ(t.sizes(), (std::vector<std::int64_t>{1000, 1000, 1000}));
  EXPECT_EQ(t.storage().nbytes(), 4U);
  EXPECT_FALSE(t.requires_grad());
}

TEST(Placeholder, SharesNeitherElementNorVersionWithAnother) {
  const nn::Linear layer(2, 2);
  layer.bias.as_strided({1}, {1}).fill_(7);
  EXPECT_EQ(layer.weight.as_strided({1}, {1}).item<float>(), 0);
  EXPECT_EQ(layer.weight._version(), 0);
  EXPECT_FALSE(layer.weight.is_alias_of(layer.bias));
}

TEST(Placeholder, IsBoundInPlaceSoThatMembersSeeIt) {
  nn::Linear layer(2, 1, false);
  layer.named_parameters()["weight"].set_data(at::ones({1, 2}));
  EXPECT_EQ(layer.forward(at::ones({1, 2})).item<float>(), 2);
}

TEST(SpecOf, ListsNamesInNaturalOrder) {
  const auto all = names(spec_of(Model(11)));
  ASSERT_EQ(all.size(), 34U);
  EXPECT_EQ(all[0], "blocks.0.net.0.proj.bias");
  EXPECT_EQ(all[2], "blocks.0.net.2.weight");
  EXPECT_EQ(all[6], "blocks.2.net.0.proj.bias");
  EXPECT_EQ(all[30], "blocks.10.net.0.proj.bias");
  EXPECT_EQ(all[33], "pos");
}

TEST(SpecOf, GivesTiedParametersOneEntry) {
  const auto spec = spec_of(TwoNames());
  ASSERT_EQ(spec.tensors.size(), 2U);
  EXPECT_EQ(spec.tensors[1].name, "a.weight");
  EXPECT_EQ(spec.tensors[1].aliases, std::vector<std::string>{"z.weight"});
}

TEST(SpecOf, TellsBuffersFromParameters) {
  for (const auto& tensor : spec_of(nn::BatchNorm2d(3)).tensors) {
    EXPECT_EQ(tensor.buffer, tensor.name.rfind("running_", 0) == 0) << tensor.name;
  }
}

TEST(Init, DependsOnSeedAndNameAlone) {
  const auto draw = [](std::uint64_t seed, std::string_view name) {
    auto t = at::full({64}, 9.0);
    nn::fill(t, nn::Init::normal(1), seed, name);
    return t;
  };
  EXPECT_TRUE(at::equal(draw(1, "a"), draw(1, "a")));
  EXPECT_FALSE(at::equal(draw(1, "a"), draw(1, "b")));
  EXPECT_FALSE(at::equal(draw(1, "a"), draw(2, "a")));
}

TEST(Init, IsDeclaredByTheModuleThatOwnsTheTensor) {
  const nn::Linear layer(16, 2);
  ASSERT_NE(layer.init_of("weight"), nullptr);
  EXPECT_EQ(layer.init_of("weight")->scale, 0.25);
  EXPECT_EQ(layer.init_of("gain"), nullptr);
}

TEST(Layers, ComputeInTheirOwnDtypeAndAnswerInTheInputs) {
  nn::LayerNorm norm(4);
  norm.weight.set_data(at::ones({4}, at::kFloat));
  norm.bias.set_data(at::ones({4}, at::kFloat));
  EXPECT_EQ(norm.forward(at::rand({2, 4}).to(at::kHalf)).scalar_type(), at::kHalf);
}

TEST(Activation, IsKnownByEachOfItsNames) {
  for (const auto name : nn::activation_names()) EXPECT_NE(nn::activation(name), nullptr) << name;
  EXPECT_EQ(nn::activation("mish"), nullptr);
}

TEST(Attention, OfEqualScoresIsTheMeanOfTheValues) {
  const auto q = at::full({1, 3, 8}, 0.0);
  const auto v = at::rand({1, 5, 8});
  const auto out = nn::multi_head_attention(q, at::rand({1, 5, 8}), v, 2);
  EXPECT_TRUE(at::allclose(out, v.mean(1, true).expand({1, 3, 8})));
}

}  // namespace
}  // namespace tenon
