// Functions between layers: activations by name, attention.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

namespace tenon::nn {

using Activation = at::Tensor (*)(const at::Tensor&);

/// "gelu" (exact), "gelu_tanh", "quick_gelu" (x sigmoid(1.702 x)), "silu", "relu"; null for another name.
[[nodiscard]] Activation activation(std::string_view name);
[[nodiscard]] std::vector<std::string_view> activation_names();

/// silu(a) * b, where [a, b] are the halves of the last dimension: [..., 2H] -> [..., H].
[[nodiscard]] at::Tensor swiglu(const at::Tensor& x);
/// a * gelu(b), where [a, b] are the halves of the last dimension (diffusers' GEGLU): [..., 2H] -> [..., H].
[[nodiscard]] at::Tensor geglu(const at::Tensor& x);

/// [N, L, heads * D] -> [N, heads, L, D], a view.
[[nodiscard]] at::Tensor split_heads(const at::Tensor& x, std::int64_t heads);
/// [N, heads, L, D] -> [N, L, heads * D].
[[nodiscard]] at::Tensor merge_heads(const at::Tensor& x);

struct AttentionOptions {
  std::optional<at::Tensor> mask;  // added to the scores when float, kept where true when bool; broadcasts to [N, heads, L, S]
  bool causal = false;
  std::optional<double> scale;     // default 1 / sqrt(D)
};

/// softmax(q k^T scale + mask) v for q [N, heads, L, D], k and v [N, heads, S, D] -> [N, heads, L, D].
[[nodiscard]] at::Tensor attention(const at::Tensor& q,
                                   const at::Tensor& k,
                                   const at::Tensor& v,
                                   const AttentionOptions& options = {});
/// The same for q [N, L, heads * D], k and v [N, S, heads * D] -> [N, L, heads * D].
[[nodiscard]] at::Tensor multi_head_attention(const at::Tensor& q,
                                              const at::Tensor& k,
                                              const at::Tensor& v,
                                              std::int64_t heads,
                                              const AttentionOptions& options = {});

/// The standard sinusoidal embedding of diffusion time steps: t [N] (any real dtype) -> fp32 [N, width].
/// Frequencies are max_period^(-i / (width / 2 - shift)); halves are [cos, sin] when `cos_first`, else [sin, cos].
[[nodiscard]] at::Tensor timestep_embedding(const at::Tensor& t,
                                            std::int64_t width,
                                            bool cos_first = true,
                                            double shift = 0,
                                            double max_period = 10000);

}  // namespace tenon::nn
