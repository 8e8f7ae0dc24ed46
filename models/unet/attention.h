// Attention and feed-forward, and the transformer block made of them.
#pragma once

#include <cstdint>
#include <memory>

#include <tenon/nn/layers.h>

#include <tenon/models/unet/conditioning.h>

namespace tenon::models::unet {

/// What an adapter (IP-Adapter, LoRA) adds to one attention. An undefined tensor means nothing.
class AttentionAdapter {
 public:
  enum class Projection { kQuery, kKey, kValue, kOut };
  virtual ~AttentionAdapter() = default;
  /// Added to a projection of x [N, L, inputs]: [N, L, outputs].
  [[nodiscard]] virtual at::Tensor project(Projection projection, const at::Tensor& x) const = 0;
  /// Added to the attention's result before its output projection: query [N, L, heads * D] -> the same.
  [[nodiscard]] virtual at::Tensor attend(const at::Tensor& query,
                                          std::int64_t heads,
                                          const Conditioning& conditioning) const = 0;
};

/// Multi-head attention over `context`, or over x itself where it has none.
class Attention : public nn::Module {
 public:
  Attention(std::int64_t width, std::int64_t context_width, std::int64_t heads);
  /// x [N, L, width], context [N, S, context_width] -> [N, L, width].
  [[nodiscard]] at::Tensor forward(const at::Tensor& x,
                                   const at::Tensor& context,
                                   const Conditioning& conditioning) const;

  [[nodiscard]] std::int64_t width() const { return width_; }
  [[nodiscard]] std::int64_t context_width() const { return context_width_; }
  [[nodiscard]] std::int64_t heads() const { return heads_; }
  /// Null takes it off again. Not a child: its tensors are the adapter's, not this model's.
  void set_adapter(std::shared_ptr<const AttentionAdapter> adapter) {
    adapter_ = std::move(adapter);
  }
  [[nodiscard]] bool has_adapter() const { return adapter_ != nullptr; }

  std::shared_ptr<nn::Linear> to_q, to_k, to_v, to_out;

 private:
  std::int64_t width_;
  std::int64_t context_width_;
  std::int64_t heads_;
  std::shared_ptr<const AttentionAdapter> adapter_;
};

/// GEGLU: width -> 8 width, gated to 4 width -> width.
class FeedForward : public nn::Module {
 public:
  explicit FeedForward(std::int64_t width);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;  // [N, L, width] -> the same

 private:
  std::shared_ptr<nn::Linear> in_, out_;
};

/// Self-attention, cross-attention, feed-forward, each on a norm and added to its input.
class TransformerBlock : public nn::Module {
 public:
  TransformerBlock(std::int64_t width, std::int64_t context_width, std::int64_t heads);
  /// x [N, L, width], context [N, S, context_width] -> [N, L, width].
  [[nodiscard]] at::Tensor forward(at::Tensor x,
                                   const at::Tensor& context,
                                   const Conditioning& conditioning) const;

  std::shared_ptr<nn::LayerNorm> norm1;
  std::shared_ptr<Attention> attn1;
  std::shared_ptr<nn::LayerNorm> norm2;
  std::shared_ptr<Attention> attn2;
  std::shared_ptr<nn::LayerNorm> norm3;
  std::shared_ptr<FeedForward> ff;
};

}  // namespace tenon::models::unet
