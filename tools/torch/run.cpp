#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include <tenon/load.h>

#include "runtime/build/guard.h"
#include "runtime/build/save.h"
#include "tools/common/interrupt.h"
#include "tools/common/preflight.h"
#include "tools/torch/load_options.h"
#include "tools/torch/named_tensors.h"
#include "tools/torch/outcome.h"
#include "tools/torch/progress.h"
#include "tools/torch/verbs.h"

namespace tenon::tools {
namespace {

// The float type of which the checkpoint holds the most bytes' worth of elements; F32 where it holds none.
DType commonest_float(const Checkpoint& checkpoint) {
  constexpr std::array kTypes = {DType::kF32, DType::kF16, DType::kBF16};
  std::array<std::int64_t, kTypes.size()> elements{};
  for (const TensorEntry& tensor : checkpoint.tensors) {
    for (std::size_t i = 0; i < kTypes.size(); ++i) {
      if (tensor.dtype == kTypes[i]) elements[i] += numel(tensor.shape).value_or(0);
    }
  }
  return kTypes[static_cast<std::size_t>(std::max_element(elements.begin(), elements.end()) - elements.begin())];
}

Result<DType> default_dtype(const std::string& argument, c10::Device device) {
  if (device.is_cpu()) return DType::kF32;
  const auto checkpoint = open_checkpoint(split_argument(argument).path);
  if (!checkpoint) return tl::unexpected(checkpoint.error());
  return commonest_float(**checkpoint);
}

Result<NamedTensors> forward(const Loaded<torch::nn::Module>& loaded, const NamedTensors& inputs, c10::Device device) {
  const auto families = builtin_family_modules();
  const auto family = std::find_if(families.begin(), families.end(), [&loaded](const FamilyModule& candidate) {
    return candidate.name == loaded.report.family;
  });
  if (family == families.end() || family->run == nullptr) {
    return fail(ErrorKind::kUsage, "TN-INPUT-FAMILY",
                fmt::format("{} has no forward of its own; see tenon inspect [TN-INPUT-FAMILY]", loaded.report.family));
  }
  return loading::guarded("running the model", [&]() -> Result<NamedTensors> {
    NamedTensors placed;
    for (const auto& [name, tensor] : inputs) placed.emplace(name, tensor.to(device));
    auto outputs = family->run(*loaded.model, loaded.report.config, placed);
    if (!outputs) return outputs;
    for (auto& [name, tensor] : *outputs) {
      tensor = tensor.to(at::kCPU, tensor.is_floating_point() ? at::kFloat : tensor.scalar_type());
    }
    return outputs;
  });
}

Result<LoadReport> perform(const Options& options) {
  auto request = load_options(options);
  if (!request) return tl::unexpected(request.error());
  if (auto ok = refuse_overwriting("--outputs", options.outputs, options); !ok) return tl::unexpected(ok.error());
  auto inputs = read_inputs(options.inputs);
  if (!inputs) return tl::unexpected(inputs.error());
  if (!options.model.dtype) {
    const auto dtype = default_dtype(options.checkpoints.front(), request->device);
    if (!dtype) return tl::unexpected(dtype.error());
    request->dtype = *dtype;
  }
  auto loaded = load_any(options.checkpoints.front(), *request);
  if (!loaded) return tl::unexpected(loaded.error());
  auto outputs = forward(*loaded, *inputs, request->device);
  if (!outputs) return tl::unexpected(outputs.error());
  const interrupt::Section writing;
  if (auto ok = loading::save_safetensors(options.outputs, *outputs, make_progress(options)); !ok) {
    return tl::unexpected(ok.error());
  }
  return std::move(loaded->report);
}

}  // namespace

Answer run(const Options& options) {
  auto report = perform(options);
  if (!report) return outcome(options, std::nullopt, report.error());
  return outcome(options, std::move(*report), std::nullopt);
}

}  // namespace tenon::tools
