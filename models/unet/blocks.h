// The way down, the middle, and the way up.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <tenon/nn/layers.h>

#include <tenon/models/unet/resnet.h>
#include <tenon/models/unet/structure.h>
#include <tenon/models/unet/transformer.h>

namespace tenon::models::unet {

/// Feature maps kept on the way down for the way up, the last first.
using Skips = std::vector<at::Tensor>;
using Transformers = std::vector<std::shared_ptr<Transformer>>;

/// Residual blocks, each with a transformer behind it or none.
class Stage : public nn::Module {
 public:
  [[nodiscard]] Transformers transformers() const { return {attentions_.begin(), attentions_.end()}; }

 protected:
  void add_residual(const Structure& structure, const ResidualOptions& options);
  void add_transformer(const Structure& structure, const Level& level, std::int64_t depth);
  /// The i-th residual block, then its transformer where there is one.
  [[nodiscard]] at::Tensor layer(std::size_t i,
                                 const at::Tensor& x,
                                 const Conditioning& conditioning) const;

  std::shared_ptr<nn::Stack<Residual>> resnets_;
  std::vector<std::shared_ptr<Transformer>> attentions_;

 private:
  std::shared_ptr<nn::Stack<Transformer>> attention_stack_;
};

class DownBlock : public Stage {
 public:
  DownBlock(const Structure& structure, std::size_t level);
  /// Pushes every result, the halved one too.
  [[nodiscard]] at::Tensor forward(at::Tensor x, const Conditioning& conditioning, Skips& skips) const;

 private:
  std::shared_ptr<nn::Stack<Downsample>> downsamplers_;
};

class MidBlock : public Stage {
 public:
  explicit MidBlock(const Structure& structure);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x, const Conditioning& conditioning) const;
};

class UpBlock : public Stage {
 public:
  UpBlock(const Structure& structure, std::size_t level);
  /// Pops one feature map for each layer.
  [[nodiscard]] at::Tensor forward(at::Tensor x, const Conditioning& conditioning, Skips& skips) const;

 private:
  std::shared_ptr<nn::Stack<Upsample>> upsamplers_;
};

}  // namespace tenon::models::unet
