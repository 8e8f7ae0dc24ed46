#include <tenon/nn/functional.h>

#include <array>
#include <cmath>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/IListRef.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>

namespace tenon::nn {
namespace {

at::Tensor gelu(const at::Tensor& x) { return at::gelu(x); }
at::Tensor gelu_tanh(const at::Tensor& x) { return at::gelu(x, "tanh"); }
at::Tensor quick_gelu(const at::Tensor& x) { return x * at::sigmoid(x * 1.702); }
at::Tensor silu(const at::Tensor& x) { return at::silu(x); }
at::Tensor relu(const at::Tensor& x) { return at::relu(x); }

constexpr std::array<std::pair<std::string_view, Activation>, 5> kActivations{{
    {"gelu", gelu},
    {"gelu_tanh", gelu_tanh},
    {"quick_gelu", quick_gelu},
    {"silu", silu},
    {"relu", relu},
}};

}  // namespace

Activation activation(std::string_view name) {
  for (const auto& [known, function] : kActivations) {
    if (known == name) return function;
  }
  return nullptr;
}

std::vector<std::string_view> activation_names() {
  std::vector<std::string_view> names;
  for (const auto& [known, function] : kActivations) names.push_back(known);
  return names;
}

at::Tensor swiglu(const at::Tensor& x) {
  const auto halves = x.chunk(2, -1);
  return at::silu(halves[0]) * halves[1];
}

at::Tensor geglu(const at::Tensor& x) {
  const auto halves = x.chunk(2, -1);
  return halves[0] * at::gelu(halves[1]);
}

at::Tensor split_heads(const at::Tensor& x, std::int64_t heads) {
  return x.unflatten(-1, {heads, x.size(-1) / heads}).transpose(1, 2);
}

at::Tensor merge_heads(const at::Tensor& x) { return x.transpose(1, 2).flatten(2); }

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionOptions& options) {
  return at::scaled_dot_product_attention(q, k, v, options.mask, /*dropout_p=*/0.0, options.causal, options.scale);
}

at::Tensor multi_head_attention(const at::Tensor& q,
                                const at::Tensor& k,
                                const at::Tensor& v,
                                std::int64_t heads,
                                const AttentionOptions& options) {
  return merge_heads(attention(split_heads(q, heads), split_heads(k, heads), split_heads(v, heads), options));
}

at::Tensor timestep_embedding(const at::Tensor& t,
                              std::int64_t width,
                              bool cos_first,
                              double shift,
                              double max_period) {
  const auto half = width / 2;
  const auto steps = at::arange(half, t.options().dtype(at::kFloat));
  const auto frequencies = at::exp(steps * (-std::log(max_period) / (static_cast<double>(half) - shift)));
  const auto angles = t.to(at::kFloat).unsqueeze(-1) * frequencies;  // [N, half]
  const auto cos = angles.cos();
  const auto sin = angles.sin();
  const auto embedding = cos_first ? at::cat({cos, sin}, -1) : at::cat({sin, cos}, -1);
  return width % 2 == 0 ? embedding : at::constant_pad_nd(embedding, {0, 1});
}

}  // namespace tenon::nn
