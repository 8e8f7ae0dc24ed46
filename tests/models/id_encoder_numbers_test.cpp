// The ID encoders' modules against numbers that the reference modules gave (tencent-ailab/IP-Adapter, TencentARC/PhotoMaker, in
// fp32): every parameter and input is a formula, so no file is needed.
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <tenon/models/ip_adapter/attach.h>
#include <tenon/models/ip_adapter/ip_adapter.h>
#include <tenon/models/ip_adapter/projectors.h>
#include <tenon/models/photomaker/photomaker.h>
#include <tenon/models/unet/attention.h>

namespace tenon::models {
namespace {

at::Tensor tensor_of(std::vector<double> values, at::IntArrayRef shape) {
  return at::from_blob(values.data(), shape, at::kDouble).to(at::kFloat);
}

std::int64_t count(at::IntArrayRef shape) {
  std::int64_t n = 1;
  for (const std::int64_t size : shape) n *= size;
  return n;
}

/// Element j is cos(0.3 j).
at::Tensor input(at::IntArrayRef shape) {
  std::vector<double> values;
  for (std::int64_t j = 0; j < count(shape); ++j) values.push_back(std::cos(0.3 * static_cast<double>(j)));
  return tensor_of(std::move(values), shape);
}

/// The k-th parameter by name gets 0.5 sin(0.1 k + j), a matrix divided by the root of its inputs.
void fill(torch::nn::Module& module) {
  std::map<std::string, at::Tensor> parameters;
  for (const auto& item : module.named_parameters()) parameters.emplace(item.key(), item.value());
  int k = 0;
  for (auto& [name, parameter] : parameters) {
    const bool matrix = name.ends_with("weight") && parameter.dim() == 2;
    const double scale = matrix ? 1.0 / std::sqrt(static_cast<double>(parameter.size(1))) : 1.0;
    std::vector<double> values;
    for (std::int64_t j = 0; j < parameter.numel(); ++j) values.push_back(0.5 * std::sin(0.1 * k + static_cast<double>(j)) * scale);
    parameter.set_data(tensor_of(std::move(values), parameter.sizes().vec()));
    ++k;
  }
}

struct Numbers {
  std::vector<std::int64_t> shape;
  double sum;
  double absolute_sum;
  std::vector<double> first;
  double last;
};

void expect_numbers(const at::Tensor& output, const Numbers& expected) {
  ASSERT_EQ(output.sizes().vec(), expected.shape);
  const at::Tensor flat = output.to(at::kDouble).reshape({-1});
  EXPECT_NEAR(flat.sum().item<double>(), expected.sum, 1e-5 * expected.absolute_sum);
  EXPECT_NEAR(flat.abs().sum().item<double>(), expected.absolute_sum, 1e-5 * expected.absolute_sum);
  for (std::size_t i = 0; i < expected.first.size(); ++i) {
    EXPECT_NEAR(flat[static_cast<std::int64_t>(i)].item<double>(), expected.first[i], 2e-5);
  }
  EXPECT_NEAR(flat[flat.numel() - 1].item<double>(), expected.last, 2e-5);
}

IpAdapterConfig face_plus(bool shortcut, double s_scale) {
  IpAdapterConfig c;
  c.projection = IpProjection::kFacePlus;
  c.cross_attention_dim = 128;
  c.embeddings_dim = 12;
  c.id_embeddings_dim = 16;
  c.hidden_dim = 32;
  c.num_tokens = 4;
  c.resampler_dim = 128;
  c.resampler_heads = 2;
  c.shortcut = shortcut;
  c.s_scale = s_scale;
  return c;
}

TEST(IdEncoderNumbers, ResamplerAgreesWithTheReference) {
  IpAdapterConfig c;
  c.projection = IpProjection::kResampler;
  c.resampler_dim = 8;
  c.resampler_depth = 2;
  c.resampler_heads = 2;
  c.num_tokens = 3;
  c.embeddings_dim = 6;
  c.cross_attention_dim = 5;
  const auto projector = make_projector(c);
  fill(*projector);
  expect_numbers(projector->forward({}, input({2, 4, 6})),
                 {{2, 3, 5}, 2.777676, 8.839885, {0.764589, 0.102046, -0.596975, -0.068111}, 0.076631});
}

TEST(IdEncoderNumbers, FaceProjectorAgreesWithTheReference) {
  IpAdapterConfig c;
  c.projection = IpProjection::kFace;
  c.cross_attention_dim = 8;
  c.embeddings_dim = 16;
  c.hidden_dim = 32;
  c.num_tokens = 4;
  const auto projector = make_projector(c);
  fill(*projector);
  expect_numbers(projector->forward(input({2, 16}), {}),
                 {{2, 4, 8}, 4.539062, 21.921715, {0.049497, 1.020358, 0.764491, 0.059877}, 0.948827});
}

TEST(IdEncoderNumbers, FacePlusWithoutShortcutAgreesWithTheReference) {
  const auto projector = make_projector(face_plus(false, 1.0));
  fill(*projector);
  expect_numbers(projector->forward(input({1, 16}), input({1, 5, 12})),
                 {{1, 4, 128}, 53.771821, 188.975119, {-0.515523, -0.430856, -0.038397, 1.300359}, -0.332189});
}

TEST(IdEncoderNumbers, FacePlusWithShortcutAgreesWithTheReference) {
  const auto projector = make_projector(face_plus(true, 0.7));
  fill(*projector);
  expect_numbers(projector->forward(input({1, 16}), input({1, 5, 12})),
                 {{1, 4, 128}, 74.784501, 252.545454, {-0.365865, 0.414360, 0.915356, 0.993586}, 0.389509});
}

TEST(IdEncoderNumbers, FuseModuleAgreesWithTheReferenceAndLeavesItsInputAlone) {
  FuseModule fuse(4);
  fill(fuse);
  const at::Tensor prompt = input({1, 5, 4});
  const at::Tensor before = prompt.clone();
  at::Tensor mask = at::zeros({1, 5}, at::kBool);
  mask[0][1] = true;
  mask[0][2] = true;
  const at::Tensor output = fuse.forward(prompt, (2 * input({1, 2, 1, 4})).reshape({-1, 4}), mask);
  expect_numbers(output.narrow(1, 1, 2).reshape({8}),
                 {{8},
                  output.narrow(1, 1, 2).sum().item<double>(),
                  output.narrow(1, 1, 2).abs().sum().item<double>(),
                  {0.058433, 0.650416, 0.387086, 0.038761, 0.058197, 0.638257, 0.408093, 0.038415},
                  0.038415});
  EXPECT_NEAR(output.sum().item<double>(), 5.291075, 1e-4);
  EXPECT_TRUE(prompt.equal(before));
  EXPECT_TRUE(output.select(1, 4).equal(prompt.select(1, 4)));
}

TEST(IdEncoderNumbers, QFormerPerceiverAgreesWithTheReference) {
  PhotoMakerConfig c;
  c.v2 = true;
  c.width = 12;
  c.cross_attention_dim = 256;
  c.id_embeddings_dim = 16;
  c.token_hidden = 64;
  c.num_tokens = 2;
  c.qformer_heads = 2;
  QFormerPerceiver perceiver(c);
  fill(perceiver);
  expect_numbers(perceiver.forward(input({2, 16}), input({2, 5, 12})),
                 {{2, 2, 256}, 240.229664, 683.681125, {-1.533682, -0.420309, 0.265080, 1.275839}, 1.051874});
}

TEST(IdEncoderNumbers, AttentionWithImageTokensAndLoraAgreesWithTheReference) {
  IpAdapterConfig c;
  c.cross_attention_dim = 6;
  c.lora_rank = 3;
  c.attentions = {1};
  c.widths = {8};
  const auto adapter = std::make_shared<IpAdapter>(c);
  unet::Attention attention(8, 6, 2);
  fill(attention);
  fill(*adapter->attentions().at(1));
  attention.set_adapter(share_of(adapter, 1));
  const at::Tensor tokens = input({1, 7, 6});  // five of text, then two of the image
  unet::Conditioning conditioning;
  conditioning.adapter_tokens = tokens.narrow(1, 5, 2);
  conditioning.adapter_scale = 0.5;
  expect_numbers(attention.forward(input({1, 3, 8}), tokens.narrow(1, 0, 5), conditioning),
                 {{1, 3, 8}, 1.029593, 6.765792, {0.044997, 0.447408, 0.439002, 0.013333}, 0.354612});
  conditioning.adapter_scale = 1;
  const at::Tensor louder = attention.forward(input({1, 3, 8}), tokens.narrow(1, 0, 5), conditioning);
  EXPECT_GT(std::abs(louder.sum().item<double>() - 1.029593), 1e-3);
}

}  // namespace
}  // namespace tenon::models
