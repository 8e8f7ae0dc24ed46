// Any torch::nn::Module that a program already has is filled from a checkpoint, all or nothing, and can be watched.
#include <iostream>
#include <string>
#include <vector>

#include <ATen/ops/tensor.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <tenon/load.h>

#include "example_file.h"

namespace {

struct Net : torch::nn::Module {
  Net() {
    net = register_module(
        "net", torch::nn::Sequential(torch::nn::Linear(3, 2), torch::nn::ReLU(), torch::nn::Linear(2, 1)));
  }
  torch::nn::Sequential net{nullptr};
};

}  // namespace

int main(int, char** argv) {
  const std::string folder = argv[1];
  const std::string path = folder + "/net.safetensors";
  write_example(path);

  Net module;
  const at::Tensor before = module.named_parameters()["net.0.weight"].detach().clone();
  std::vector<std::string> stages;
  tenon::LoadOptions options;
  options.progress = [&](std::string_view stage, std::uint64_t, std::uint64_t) {
    if (stages.empty() || stages.back() != stage) stages.emplace_back(stage);
    return stage != "bind";
  };
  auto cancelled = tenon::load_into(module, path, options);
  REQUIRE(!cancelled && cancelled.error().kind == tenon::ErrorKind::kCancelled);
  REQUIRE(module.named_parameters()["net.0.weight"].equal(before));
  REQUIRE(stages.front() == "open" && stages.back() == "bind");

  options.progress = nullptr;
  auto report = tenon::load_into(module, path, options);
  if (!report) {
    std::cerr << report.error() << '\n';
    return 1;
  }
  REQUIRE(report->counts.matched == 4);
  REQUIRE(module.named_parameters()["net.0.weight"].requires_grad());
  at::Tensor y = module.net->forward(at::tensor(at::ArrayRef<float>(kExampleInput)).view({1, 3}));
  REQUIRE(y.item<float>() == kExampleOutput);
  std::cout << "ok\n";
}
