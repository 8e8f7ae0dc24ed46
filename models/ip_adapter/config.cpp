#include <tenon/models/ip_adapter/config.h>

#include <optional>

#include <tenon/config_error.h>

namespace tenon::models {
namespace {

Failure impossible(const std::string& key, const std::string& found, const std::string& required) {
  return impossible_value("ip_adapter", key, found, required);
}

std::optional<IpProjection> projection_named(const std::string& name) {
  if (name == "linear") return IpProjection::kLinear;
  if (name == "resampler") return IpProjection::kResampler;
  if (name == "mlp") return IpProjection::kMlp;
  if (name == "face") return IpProjection::kFace;
  if (name == "face_plus") return IpProjection::kFacePlus;
  return std::nullopt;
}

struct Size {
  const char* key;
  std::int64_t IpAdapterConfig::* field;
};

std::vector<Size> sizes_of(IpProjection projection) {
  std::vector<Size> sizes{{"cross_attention_dim", &IpAdapterConfig::cross_attention_dim},
                          {"embeddings_dim", &IpAdapterConfig::embeddings_dim}};
  if (projection != IpProjection::kMlp) sizes.push_back({"num_tokens", &IpAdapterConfig::num_tokens});
  if (projection == IpProjection::kFace || projection == IpProjection::kFacePlus || projection == IpProjection::kMlp) {
    sizes.push_back({"hidden_dim", &IpAdapterConfig::hidden_dim});
  }
  if (projection == IpProjection::kFacePlus) sizes.push_back({"id_embeddings_dim", &IpAdapterConfig::id_embeddings_dim});
  if (projection == IpProjection::kResampler || projection == IpProjection::kFacePlus) {
    sizes.push_back({"resampler_dim", &IpAdapterConfig::resampler_dim});
    sizes.push_back({"resampler_depth", &IpAdapterConfig::resampler_depth});
    sizes.push_back({"resampler_heads", &IpAdapterConfig::resampler_heads});
  }
  return sizes;
}

Result<std::vector<std::int64_t>> read_list(const Config& config, const std::string& key) {
  std::vector<std::int64_t> numbers;
  const Value* value = config.find(key);
  if (!value || !value->as_list()) return impossible(key, value ? to_string(*value) : "missing", "a list is required");
  for (const Value& item : *value->as_list()) {
    const auto number = item.as_int();
    if (!number || *number < 0) return impossible(key, to_string(*value), "whole numbers are required");
    numbers.push_back(*number);
  }
  return numbers;
}

}  // namespace

Result<IpAdapterConfig> read_ip_adapter_config(const Config& config) {
  IpAdapterConfig c;
  const std::string name = config.string_or("projection", "");
  const auto projection = projection_named(name);
  if (!projection) return impossible("projection", "\"" + name + "\"", "it is linear, resampler, mlp, face or face_plus");
  c.projection = *projection;
  for (const Size& size : sizes_of(c.projection)) {
    const Value* value = config.find(size.key);
    const auto number = value ? value->as_int() : std::nullopt;
    if (!number || *number <= 0) {
      return impossible(size.key, value ? to_string(*value) : "missing", "a positive whole number is required");
    }
    c.*size.field = *number;
  }
  const bool resamples = c.projection == IpProjection::kResampler || c.projection == IpProjection::kFacePlus;
  if (resamples && c.resampler_dim % c.resampler_heads != 0) {
    return impossible("resampler_heads",
                      std::to_string(c.resampler_heads),
                      "it must divide resampler_dim " + std::to_string(c.resampler_dim));
  }
  c.shortcut = config.bool_or("shortcut", false);
  c.s_scale = config.double_or("s_scale", 1.0);
  c.lora_rank = config.int_or("lora_rank", 0);
  c.apply_lora = config.string_or("adapter_lora", "apply") != "ignore";
  auto attentions = read_list(config, "attentions");
  if (!attentions) return Failure(attentions.error());
  auto widths = read_list(config, "attention_widths");
  if (!widths) return Failure(widths.error());
  if (attentions->size() != widths->size()) {
    return impossible("attention_widths",
                      std::to_string(widths->size()) + " long",
                      "it has one entry per attention: " + std::to_string(attentions->size()));
  }
  c.attentions = std::move(*attentions);
  c.widths = std::move(*widths);
  return c;
}

}  // namespace tenon::models
