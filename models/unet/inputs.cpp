#include <tenon/models/unet/inputs.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <tenon/nn/inputs.h>

namespace tenon::models::unet {
namespace {

using nn::Dim;
using nn::InputKind;

Failure refuse(std::string_view code, std::string_view name, const std::string& found_and_required) {
  return fail(ErrorKind::kUsage,
              std::string(code),
              "input \"" + std::string(name) + "\": " + found_and_required + " [" + std::string(code) + "]");
}

Result<void> check_latent_size(const Structure& s, const at::Tensor& sample) {
  const auto multiple = s.latent_multiple();
  if (sample.size(-1) % multiple == 0 && sample.size(-2) % multiple == 0) return {};
  return refuse("TN-INPUT-SHAPE",
                "sample",
                to_string(sample.sizes().vec()) + "; this model halves the latents " + std::to_string(s.levels.size() - 1) +
                    " times, so it needs a height and a width that are multiples of " + std::to_string(multiple));
}

/// SDXL: pooled text and embedded time ids share one vector, so either can be the one that does not fit.
Result<void> check_added_width(const Structure& s, const at::Tensor& text_embeds, const at::Tensor& time_ids) {
  const auto per_id = s.addition_time_width;
  const auto pooled = text_embeds.size(1);
  const auto ids = time_ids.size(1);
  if (pooled + ids * per_id == s.label_width) return {};
  const auto rest = s.label_width - pooled;
  const bool ids_at_fault = rest > 0 && rest % per_id == 0;
  const auto needed = ids_at_fault ? std::to_string(rest / per_id) + " time_ids beside these text_embeds"
                                   : "text_embeds of " + std::to_string(s.label_width - ids * per_id) +
                                         " beside these time_ids";
  return refuse("TN-INPUT-SHAPE",
                ids_at_fault ? "time_ids" : "text_embeds",
                std::to_string(ids) + " time_ids of " + std::to_string(per_id) + " and text_embeds of " +
                    std::to_string(pooled) + " make " + std::to_string(pooled + ids * per_id) +
                    " values; this model needs " + std::to_string(s.label_width) + ": " + needed);
}

Result<void> check_class_range(const Structure& s, const at::Tensor& labels) {
  const auto lowest = labels.min().item().toLong();
  const auto highest = labels.max().item().toLong();
  if (lowest >= 0 && highest < s.label_width) return {};
  return refuse("TN-INPUT-VALUE",
                "class_labels",
                std::to_string(lowest < 0 ? lowest : highest) + "; this model has the classes 0 to " +
                    std::to_string(s.label_width - 1));
}

/// Takes the inputs one by one; the first that does not fit is kept.
class Reader {
 public:
  Reader(const Unet& unet, const NamedTensors& inputs)
      : s_(unet.structure()), has_adapter_(unet.has_adapter()), inputs_(inputs) {}

  Result<UnetInputs> read() {
    UnetInputs out;
    const std::vector<Dim> image{'N', s_.in_channels, 'h', 'w'};
    const std::vector<Dim> clip{'N', 'F', s_.in_channels, 'h', 'w'};
    out.sample = take("sample", s_.video ? clip : image);
    if (!failed_) keep(check_latent_size(s_, out.sample));
    out.timestep = take("timestep", {'N'}, InputKind::kFloatOrInteger);
    if (s_.context > 0) out.encoder_hidden_states = take("encoder_hidden_states", {'N', 'L', s_.context});
    read_label(out);
    if (s_.time_cond_width > 0) out.timestep_cond = take_optional("timestep_cond", {'N', s_.time_cond_width});
    if (has_adapter_) read_adapter(out);
    if (!failed_) keep(inputs_.all_taken());
    if (failed_) return tl::unexpected(*failed_);
    return out;
  }

 private:
  void read_label(UnetInputs& out) {
    if (s_.label == Label::kClassProjection) {
      out.class_labels = take("class_labels", {'N', s_.label_width});
    } else if (s_.label == Label::kClassEmbedding) {
      out.class_labels = take("class_labels", {'N'}, InputKind::kInteger);
      if (!failed_) keep(check_class_range(s_, out.class_labels));
    } else if (s_.label == Label::kAdded && s_.video) {
      out.added_time_ids = take("added_time_ids", {'N', s_.label_width / s_.addition_time_width}, InputKind::kFloatOrInteger);
      out.image_only_indicator = take_optional("image_only_indicator", {'N', 'F'}, InputKind::kBoolOrInteger);
    } else if (s_.label == Label::kAdded) {
      out.text_embeds = take("text_embeds", {'N', 'P'});
      out.time_ids = take("time_ids", {'N', 'K'}, InputKind::kFloatOrInteger);
      if (!failed_) keep(check_added_width(s_, out.text_embeds, out.time_ids));
    }
  }

  void read_adapter(UnetInputs& out) {
    out.ip_tokens = take("ip_tokens", {'N', 'T', s_.context});
    const auto scale = take_optional("ip_scale", {1});
    if (scale.defined()) out.ip_scale = scale.item().toDouble();
  }

  void keep(Result<void> checked) {
    if (!checked && !failed_) failed_ = std::move(checked.error());
  }
  at::Tensor keep(Result<at::Tensor> taken) {
    if (taken) return *taken;
    if (!failed_) failed_ = std::move(taken.error());
    return {};
  }
  at::Tensor take(std::string_view name, const std::vector<Dim>& shape, InputKind kind = InputKind::kFloat) {
    return keep(inputs_.take(name, shape, kind));
  }
  at::Tensor take_optional(std::string_view name, const std::vector<Dim>& shape, InputKind kind = InputKind::kFloat) {
    return keep(inputs_.take_optional(name, shape, kind));
  }

  const Structure& s_;
  bool has_adapter_;
  nn::Inputs inputs_;
  std::optional<Error> failed_;
};

/// The config value that the forward needs and nobody gave; empty when all are there.
std::string_view undecided(const Structure& s) {
  const auto last = s.levels.size() - 1;
  for (std::size_t i = 0; i <= last; ++i) {
    const auto& level = s.levels[i];
    const bool attends = level.down_attends() || level.up_attends() || (i == last && s.mid == Mid::kAttention);
    if (attends && level.heads == 0) return heads_key(s.video);
  }
  if (s.label == Label::kAdded && s.addition_time_width == 0) return "addition_time_embed_dim";
  if (s.groups == 0) return "norm_num_groups";
  return {};
}

}  // namespace

Result<UnetInputs> read_inputs(const Unet& unet, const NamedTensors& inputs, at::ScalarType dtype, c10::Device device) {
  if (const auto key = undecided(unet.structure()); !key.empty()) {
    return fail(ErrorKind::kUsage,
                "TN-CONFIG-VALUE",
                std::string(key) + " is not known; the forward needs it [TN-CONFIG-VALUE]",
                "--set " + std::string(key) + "=N");
  }
  auto read = Reader(unet, inputs).read();
  if (!read) return read;
  for (auto* tensor : {&read->sample, &read->encoder_hidden_states, &read->text_embeds, &read->timestep_cond, &read->ip_tokens}) {
    if (tensor->defined()) *tensor = tensor->to(device, dtype);
  }
  // Numbers that are embedded in fp32, whatever the model's dtype.
  for (auto* tensor : {&read->timestep, &read->time_ids, &read->added_time_ids, &read->image_only_indicator, &read->class_labels}) {
    if (tensor->defined()) *tensor = tensor->to(device);
  }
  return read;
}

}  // namespace tenon::models::unet
