#include <tenon/models/unet/inputs.h>

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>

namespace tenon::models::unet {
namespace {

enum class Kind { kFloat, kInteger, kReal, kAny };

/// One dimension of an input: a number, or a letter that stands for any.
struct Dim {
  Dim(std::int64_t wanted) : size(wanted) {}  // NOLINT(google-explicit-constructor)
  Dim(char any) : letter(any) {}              // NOLINT(google-explicit-constructor)
  std::int64_t size = -1;
  char letter = 0;
};

struct Wanted {
  std::string_view name;
  std::vector<Dim> shape;
  Kind kind = Kind::kFloat;
  bool optional = false;
};

std::string text(at::IntArrayRef shape) { return to_string(Shape(shape.begin(), shape.end())); }

std::string text(const std::vector<Dim>& shape) {
  std::string out = "[";
  for (const auto& dim : shape) {
    if (out.size() > 1) out += ", ";
    out += dim.letter != 0 ? std::string(1, dim.letter) : std::to_string(dim.size);
  }
  return out + "]";
}

Failure refuse(std::string_view name, std::string_view code, const std::string& found_and_required) {
  return fail(ErrorKind::kUsage,
              std::string(code),
              "input \"" + std::string(name) + "\": " + found_and_required + " [" + std::string(code) + "]");
}

bool fits(at::ScalarType type, Kind kind) {
  switch (kind) {
    case Kind::kFloat:
      return at::isFloatingType(type);
    case Kind::kInteger:
      return at::isIntegralType(type, /*includeBool=*/false);
    case Kind::kReal:
      return at::isFloatingType(type) || at::isIntegralType(type, /*includeBool=*/false);
    case Kind::kAny:
      return at::isFloatingType(type) || at::isIntegralType(type, /*includeBool=*/true);
  }
  return false;
}

std::string_view kind_text(Kind kind) {
  switch (kind) {
    case Kind::kFloat:
      return "floats";
    case Kind::kInteger:
      return "integers";
    case Kind::kReal:
      return "floats or integers";
    case Kind::kAny:
      return "floats, integers or bools";
  }
  return "";
}

/// The tensor of that name, checked; undefined when it is optional and absent.
Result<at::Tensor> take(const NamedTensors& inputs, const Wanted& wanted) {
  const auto found = inputs.find(std::string(wanted.name));
  if (found == inputs.end()) {
    if (wanted.optional) return at::Tensor();
    return refuse(wanted.name, "TN-INPUT-MISSING", "not given; this model needs it, " + text(wanted.shape));
  }
  const auto& tensor = found->second;
  bool same = tensor.dim() == static_cast<std::int64_t>(wanted.shape.size());
  for (std::size_t i = 0; same && i < wanted.shape.size(); ++i) {
    const auto size = tensor.size(static_cast<std::int64_t>(i));
    same = size > 0 && (wanted.shape[i].letter != 0 || size == wanted.shape[i].size);
  }
  if (!same) {
    return refuse(wanted.name,
                  "TN-INPUT-SHAPE",
                  text(tensor.sizes()) + " given; this model needs " + text(wanted.shape));
  }
  if (!fits(tensor.scalar_type(), wanted.kind)) {
    return refuse(wanted.name,
                  "TN-INPUT-DTYPE",
                  std::string(c10::toString(tensor.scalar_type())) + " given; this model needs " +
                      std::string(kind_text(wanted.kind)));
  }
  return tensor;
}

/// Everything that this model can be given; the batch is known once `sample` is.
std::vector<Wanted> wanted_inputs(const Structure& s, Dim batch, Dim frames) {
  std::vector<Wanted> all;
  if (s.video) {
    all.push_back({"sample", {batch, frames, s.in_channels, 'h', 'w'}});
  } else {
    all.push_back({"sample", {batch, s.in_channels, 'h', 'w'}});
  }
  all.push_back({"timestep", {batch}, Kind::kReal});
  const auto context = s.context;
  all.push_back({"encoder_hidden_states", {batch, 'L', context > 0 ? Dim(context) : Dim('D')}, Kind::kFloat, context == 0});
  if (s.label == Label::kAdded && s.video) {
    all.push_back({"added_time_ids", {batch, s.label_width / s.addition_time_width}, Kind::kReal});
    all.push_back({"image_only_indicator", {batch, frames}, Kind::kAny, true});
  } else if (s.label == Label::kAdded) {
    all.push_back({"text_embeds", {batch, 'P'}});
    all.push_back({"time_ids", {batch, 'K'}, Kind::kReal});
  } else if (s.label == Label::kClassProjection) {
    all.push_back({"class_labels", {batch, s.label_width}});
  } else if (s.label == Label::kClassEmbedding) {
    all.push_back({"class_labels", {batch}, Kind::kInteger});
  }
  if (s.time_cond_width > 0) {
    all.push_back({"timestep_cond", {batch, s.time_cond_width}, Kind::kFloat, true});
  }
  return all;
}

Result<void> check_names(const std::vector<Wanted>& wanted, const NamedTensors& inputs) {
  for (const auto& [name, tensor] : inputs) {
    bool known = false;
    std::string names;
    for (const auto& item : wanted) {
      known = known || item.name == name;
      names += (names.empty() ? "" : ", ") + std::string(item.name);
    }
    if (!known) return refuse(name.substr(0, 64), "TN-INPUT-UNKNOWN", "not an input of this model; it takes " + names);
  }
  return {};
}

Result<void> check_latent_size(const Structure& s, const at::Tensor& sample) {
  const auto multiple = s.latent_multiple();
  if (sample.size(-1) % multiple == 0 && sample.size(-2) % multiple == 0) return {};
  return refuse("sample",
                "TN-INPUT-SHAPE",
                text(sample.sizes()) + " given; this model halves the latents " +
                    std::to_string(s.levels.size() - 1) + " times and needs a height and width that are multiples of " +
                    std::to_string(multiple));
}

/// SDXL: pooled text and embedded time ids share one vector, so either can be the one that does not fit.
Result<void> check_added_width(const Structure& s, const at::Tensor& text_embeds, const at::Tensor& time_ids) {
  const auto per_id = s.addition_time_width;
  const auto pooled = text_embeds.size(1);
  const auto ids = time_ids.size(1);
  if (pooled + ids * per_id == s.label_width) return {};
  const auto rest = s.label_width - pooled;
  const bool ids_at_fault = rest > 0 && rest % per_id == 0;
  return refuse(ids_at_fault ? "time_ids" : "text_embeds",
                "TN-INPUT-SHAPE",
                std::to_string(ids) + " time_ids of " + std::to_string(per_id) + " values and text_embeds of " +
                    std::to_string(pooled) + " make " + std::to_string(pooled + ids * per_id) +
                    "; this model needs " + std::to_string(s.label_width) + ": " +
                    (ids_at_fault ? std::to_string(rest / per_id) + " time_ids"
                                  : "text_embeds of " + std::to_string(s.label_width - ids * per_id)) +
                    " with these");
}

Result<void> check_class_range(const Structure& s, const at::Tensor& labels) {
  const auto lowest = labels.min().item().toLong();
  const auto highest = labels.max().item().toLong();
  if (lowest >= 0 && highest < s.label_width) return {};
  return refuse("class_labels",
                "TN-INPUT-VALUE",
                std::to_string(lowest < 0 ? lowest : highest) + " given; this model has classes 0 to " +
                    std::to_string(s.label_width - 1));
}

}  // namespace

Result<UnetInputs> read_inputs(const Structure& s,
                               const NamedTensors& inputs,
                               at::ScalarType dtype,
                               c10::Device device) {
  if (auto named = check_names(wanted_inputs(s, 'N', 'F'), inputs); !named) return tl::unexpected(named.error());
  const auto sample = take(inputs, wanted_inputs(s, 'N', 'F').front());
  if (!sample) return tl::unexpected(sample.error());
  if (auto size = check_latent_size(s, *sample); !size) return tl::unexpected(size.error());

  NamedTensors taken;
  for (const auto& wanted : wanted_inputs(s, sample->size(0), s.video ? sample->size(1) : 1)) {
    auto tensor = take(inputs, wanted);
    if (!tensor) return tl::unexpected(tensor.error());
    taken.emplace(wanted.name, *tensor);
  }
  if (s.label == Label::kAdded && !s.video) {
    auto width = check_added_width(s, taken["text_embeds"], taken["time_ids"]);
    if (!width) return tl::unexpected(width.error());
  }
  if (s.label == Label::kClassEmbedding) {
    auto range = check_class_range(s, taken["class_labels"]);
    if (!range) return tl::unexpected(range.error());
  }

  const auto plain = [&](const char* name) {  // numbers that are embedded in fp32, whatever the model's dtype
    const auto tensor = taken[name];
    return tensor.defined() ? tensor.to(device) : tensor;
  };
  const auto cast = [&](const char* name) {
    const auto tensor = taken[name];
    return tensor.defined() ? tensor.to(device, dtype) : tensor;
  };
  return UnetInputs{.sample = cast("sample"),
                    .timestep = plain("timestep"),
                    .encoder_hidden_states = cast("encoder_hidden_states"),
                    .text_embeds = cast("text_embeds"),
                    .time_ids = plain("time_ids"),
                    .added_time_ids = plain("added_time_ids"),
                    .image_only_indicator = plain("image_only_indicator"),
                    .class_labels = plain("class_labels"),
                    .timestep_cond = cast("timestep_cond"),
                    .ip_tokens = {},
                    .ip_scale = 1};
}

}  // namespace tenon::models::unet
