// The two-layer network behind every sinusoidal embedding.
#pragma once

#include <cstdint>
#include <memory>

#include <tenon/nn/functional.h>
#include <tenon/nn/layers.h>

namespace tenon::models::unet {

class TimeEmbedding : public nn::Module {
 public:
  struct Options {
    std::int64_t inputs = 0;
    std::int64_t hidden = 0;
    std::int64_t outputs = 0;
    std::int64_t condition = 0;  // width of the guidance embedding; 0: none
    nn::Activation act = nullptr;
  };
  explicit TimeEmbedding(const Options& options);
  /// x [N, inputs], condition [N, condition] or undefined -> [N, outputs].
  [[nodiscard]] at::Tensor forward(const at::Tensor& x, const at::Tensor& condition = {}) const;

 private:
  std::shared_ptr<nn::Linear> linear_1_, cond_proj_, linear_2_;
  nn::Activation act_;
};

}  // namespace tenon::models::unet
