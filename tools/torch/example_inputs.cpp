#include "tools/torch/example_inputs.h"

#include <ATen/Functions.h>

#include <array>

namespace tenon::tools {
namespace {

// A size is a number, or [height, width].
std::array<std::int64_t, 2> size_or(const Config& config, const std::string& key, std::int64_t otherwise) {
  const Value* value = config.find(key);
  const Value::List* list = value == nullptr ? nullptr : value->as_list();
  if (list != nullptr && list->size() == 2) {
    return {(*list)[0].as_int().value_or(otherwise), (*list)[1].as_int().value_or(otherwise)};
  }
  const std::int64_t side = config.int_or(key, otherwise);
  return {side, side};
}

NamedTensors vit(const Config& config, std::int64_t batch) {
  const auto [height, width] = size_or(config, "img_size", 224);
  return {{"pixel_values", at::randn({batch, config.int_or("in_chans", 3), height, width})}};
}

NamedTensors clip(const Config& config, std::int64_t batch) {
  NamedTensors inputs;
  if (config.has("vision_cfg.layers")) {
    const auto [height, width] = size_or(config, "vision_cfg.image_size", 224);
    inputs.emplace("pixel_values", at::randn({batch, 3, height, width}));
  }
  if (config.has("text_cfg.layers")) {
    inputs.emplace("input_ids", at::randint(config.int_or("text_cfg.vocab_size", 49408),
                                            {batch, config.int_or("text_cfg.context_length", 77)}, at::kLong));
  }
  return inputs;
}

}  // namespace

NamedTensors example_inputs(const std::string& family, const Config& config, std::int64_t batch) {
  at::manual_seed(0);
  if (family == "vit") return vit(config, batch);
  if (family == "clip") return clip(config, batch);
  return {};
}

NamedTensors with_batch(const NamedTensors& inputs, std::int64_t batch) {
  NamedTensors result;
  for (const auto& [name, tensor] : inputs) {
    if (tensor.dim() == 0 || tensor.size(0) == 0) {
      result.emplace(name, tensor);
      continue;
    }
    std::vector<std::int64_t> times(static_cast<std::size_t>(tensor.dim()), 1);
    times.front() = (batch + tensor.size(0) - 1) / tensor.size(0);
    result.emplace(name, tensor.repeat(times).narrow(0, 0, batch).contiguous());
  }
  return result;
}

}  // namespace tenon::tools
