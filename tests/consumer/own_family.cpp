// A family that tenon does not know, from a folder of this program: identified, loaded, refused, like a built-in one.
#include <algorithm>
#include <iostream>

#include <ATen/ops/tensor.h>

#include <tenon/load.h>

#include "example_file.h"
#include "mlp/mlp.h"

int main(int, char** argv) {
  const std::string folder = argv[1];
  write_example(folder + "/mlp.safetensors");
  write_example(folder + "/renamed.safetensors", "net.0.bais");

  tenon::LoadOptions options;
  options.families = {consumer::mlp_module()};
  auto mlp = tenon::load<consumer::Mlp>(folder + "/mlp.safetensors", options);
  if (!mlp) {
    std::cerr << mlp.error() << '\n';
    return 1;
  }
  REQUIRE(mlp->report.family == "mlp");
  REQUIRE(mlp->report.layout == "sequential");
  REQUIRE(mlp->report.config.int_or("hidden", 0) == 2);
  const at::Tensor y = mlp->model->forward(at::tensor(at::ArrayRef<float>(kExampleInput)).view({1, 3}));
  REQUIRE(y.item<float>() == kExampleOutput);

  auto any = tenon::load_any(folder + "/mlp.safetensors", options);
  REQUIRE(any && any->report.family == "mlp");

  auto unknown = tenon::load_any(folder + "/mlp.safetensors");
  REQUIRE(!unknown && unknown.error().kind == tenon::ErrorKind::kIdentity);

  auto refused = tenon::load<consumer::Mlp>(folder + "/renamed.safetensors", options);
  REQUIRE(!refused && refused.error().kind == tenon::ErrorKind::kRefused);
  const auto& findings = refused.error().report->findings;
  REQUIRE(std::any_of(findings.begin(), findings.end(), [](const tenon::Finding& finding) {
    return finding.kind == tenon::FindingKind::kMissing && finding.target == "first.bias";
  }));
  REQUIRE(std::any_of(findings.begin(), findings.end(), [](const tenon::Finding& finding) {
    return finding.kind == tenon::FindingKind::kUnexpected && finding.source == "net.0.bais";
  }));
  std::cout << "ok\n";
}
