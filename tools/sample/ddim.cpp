#include "tools/sample/ddim.h"

#include <cmath>

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace tenon::sample {
namespace {

constexpr int kTrainingSteps = 1000;

/// How much of the image is left at each step of the training's noise: the roots of beta are spaced evenly.
at::Tensor signal_left() {
  const auto betas = at::linspace(std::sqrt(0.00085), std::sqrt(0.012), kTrainingSteps, at::kFloat).square();
  return (1 - betas).cumprod(0);
}

}  // namespace

at::Tensor ddim(const models::Unet& unet, const at::Tensor& noise, const at::Tensor& context, int steps) {
  const auto left = signal_left();
  const int stride = kTrainingSteps / steps;
  auto x = noise;
  for (int t = (steps - 1) * stride; t >= 0; t -= stride) {
    const auto now = left[t];
    const auto next = t >= stride ? left[t - stride] : at::ones({});
    const auto guess = unet.forward({.sample = x, .timestep = at::full({x.size(0)}, t), .encoder_hidden_states = context});
    const auto image = (x - (1 - now).sqrt() * guess) / now.sqrt();
    x = next.sqrt() * image + (1 - next).sqrt() * guess;
  }
  return x;
}

}  // namespace tenon::sample
