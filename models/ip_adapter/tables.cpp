// IP-Adapter's core half: the kind of projector and the base model from shapes, the numbering from an explicit table.
#include <algorithm>
#include <string>
#include <vector>

#include <tenon/derive.h>
#include <tenon/family.h>

#include "families/embedded.h"
#include "models/ip_adapter/numbering.h"

namespace tenon::models {
namespace {

constexpr std::int64_t kFaceWidth = 512;  // ArcFace embeddings
constexpr std::int64_t kHeadDim = 64;     // of every published resampler
constexpr std::int64_t kPortraitTokens = 16;

std::string projection_of(const ConfigBuilder& config) {
  if (config.read_bool("perceiver")) return "face_plus";
  if (config.read_bool("latents")) return "resampler";
  if (config.read_bool("mlp_norm")) return "mlp";
  if (config.read_bool("linear")) return "linear";
  return "face";
}

void projector_shapes(ConfigBuilder& config, const std::string& projection, std::int64_t cross) {
  const auto per_cross = [&](const char* rows) { return cross > 0 ? config.read_int(rows) / cross : 0; };
  if (projection == "linear") {
    config.from_shapes("embeddings_dim", config.read_int("linear_inputs"));
    config.from_shapes("num_tokens", per_cross("linear_rows"));
  } else if (projection == "resampler") {
    config.from_shapes("embeddings_dim", config.read_int("resampler_inputs"));
    config.from_shapes("num_tokens", config.read_int("latent_tokens"));
  } else if (projection == "mlp") {
    config.from_shapes("embeddings_dim", config.read_int("mlp_inputs"));
    config.from_shapes("hidden_dim", config.read_int("mlp_hidden"));
  } else {
    const bool plus = projection == "face_plus";
    config.from_shapes("embeddings_dim", config.read_int(plus ? "resampler_inputs" : "mlp_inputs"));
    if (plus) config.from_shapes("id_embeddings_dim", config.read_int("mlp_inputs"));
    config.from_shapes("hidden_dim", config.read_int("mlp_hidden"));
    config.from_shapes("num_tokens", per_cross("mlp_rows"));
  }
  if (projection == "resampler" || projection == "face_plus") {
    const std::int64_t width = config.read_int("resampler_dim");
    config.from_shapes("resampler_dim", width);
    config.from_shapes("resampler_depth", config.read_int("resampler_depth"));
    config.or_default("resampler_heads", std::max<std::int64_t>(1, width / kHeadDim));
  }
}

/// The numbers and widths that the file itself has, for a UNet that no table knows.
void attentions_of_file(const Value& reads, Value::List& numbers, Value::List& widths) {
  if (!reads.as_list()) return;
  for (const Value& match : *reads.as_list()) {
    const Value::List* pair = match.as_list();
    if (!pair || pair->size() != 2) continue;
    const Value::List* index = (*pair)[0].as_list();
    const Value::List* shape = (*pair)[1].as_list();
    if (!index || index->size() != 1 || !shape || shape->size() != 2) continue;
    numbers.push_back((*index)[0]);
    widths.push_back((*shape)[0]);
  }
}

std::string base_of(std::int64_t cross, std::size_t attentions) {
  if (cross == 768 && attentions > 0 && attentions <= 16) return "sd15";
  if (cross == 2048 && attentions > 16 && attentions <= 70) return "sdxl";
  return "custom";
}

void attention_shapes(ConfigBuilder& config, std::int64_t cross) {
  Value::List numbers;
  Value::List widths;
  attentions_of_file(config.read("attentions"), numbers, widths);
  config.from_shapes("base_model", base_of(cross, numbers.size()));
  if (const auto table = numbered_attentions(config.config().string_or("base_model", "")); !table.empty()) {
    numbers.clear();
    widths.clear();
    for (const NumberedAttention& attention : table) {
      numbers.emplace_back(attention.number);
      widths.emplace_back(attention.width);
    }
  }
  config.from_shapes("attentions", std::move(numbers));
  config.from_shapes("attention_widths", std::move(widths));
  config.from_shapes("lora_rank", config.read_int("lora_rank"));
}

std::string variant_of(const Config& config, const std::string& projection) {
  if (projection == "linear") return "base";
  if (projection == "mlp") return "full";
  if (projection == "face_plus") return "faceid-plus";
  if (projection == "resampler") {
    return config.int_or("embeddings_dim", 0) == kFaceWidth ? "faceid-portrait-unnorm" : "plus";
  }
  return config.int_or("num_tokens", 0) >= kPortraitTokens && config.int_or("lora_rank", 0) == 0 ? "faceid-portrait"
                                                                                                 : "faceid";
}

/// FaceID-Plus v1 and v2 share every name and shape; only the forward differs.
void decide_plus_version(ConfigBuilder& config) {
  const std::string asked = config.asked("variant").as_string() ? *config.asked("variant").as_string() : "";
  const auto shortcut = config.asked("shortcut").as_bool();
  if (asked == "faceid-plusv2" || shortcut == true) {
    config.result().variant = "faceid-plusv2";
    config.result().config.set("shortcut", true, ConfigOrigin::kSet);
    config.or_default("s_scale", 1.0);
  } else if (asked == "faceid-plus" || shortcut == false) {
    config.result().config.set("shortcut", false, ConfigOrigin::kSet);
  } else {
    config.result().undecidable.push_back(
        {"variant", {"faceid-plus", "faceid-plusv2"}, "--as ip_adapter/faceid-plusv2", /*needed_by_forward=*/true});
  }
}

/// The projections that the adapter's stand beside: the attentions that its numbers mean, each of one width and context.
std::vector<ModuleUpdate> joined_attentions(const Config& config, std::int64_t cross) {
  std::vector<ModuleUpdate> joined;
  for (const NumberedAttention& attention : numbered_attentions(config.string_or("base_model", ""))) {
    joined.push_back({"unet", attention.block + ".attn2.to_k", false, cross, attention.width});
  }
  return joined;
}

Derivation derive(const DeriveInput& input) {
  ConfigBuilder config("ip_adapter", input);
  const std::string projection = projection_of(config);
  const std::int64_t cross = config.read_int("cross_attention_dim");
  config.from_shapes("projection", projection);
  config.from_shapes("cross_attention_dim", cross);
  projector_shapes(config, projection, cross);
  attention_shapes(config, cross);
  config.or_default("adapter_lora", "apply");
  config.result().variant = variant_of(config.config(), projection);
  if (projection == "face_plus") decide_plus_version(config);
  config.result().updates = joined_attentions(config.config(), cross);
  return config.finish();
}

/// One tensor under the number that the adapter gives it and under its path in the UNet.
struct Place {
  std::string number;  // "1.to_k_ip"
  std::string path;    // "down_blocks.0....attn2.processor.to_k_ip"
};

std::vector<std::string> lora_names() {
  std::vector<std::string> names;
  for (const char* lora : {"to_q_lora", "to_k_lora", "to_v_lora", "to_out_lora"}) {
    for (const char* half : {".down", ".up"}) names.push_back(std::string(lora) + half);
  }
  return names;
}

std::vector<Place> places(std::string_view base_model, bool with_lora) {
  std::vector<Place> all;
  for (const NumberedAttention& attention : numbered_attentions(base_model)) {
    const std::string cross = std::to_string(attention.number) + ".";
    const std::string self = std::to_string(attention.number - 1) + ".";
    for (const std::string name : {"to_k_ip", "to_v_ip"}) {
      all.push_back({cross + name, attention.block + ".attn2.processor." + name});
    }
    if (!with_lora) continue;
    for (const std::string& name : lora_names()) {
      all.push_back({self + name, attention.block + ".attn1.processor." + name});
      all.push_back({cross + name, attention.block + ".attn2.processor." + name});
    }
  }
  return all;
}

const Value& at(const Reads& reads, std::string_view name) {
  static const Value null;
  const auto found = reads.find(name);
  return found == reads.end() ? null : found->second;
}

/// SD 1.5 is the base whose first level has attentions. When a layout is written, the config says which base it is.
std::string base_from_reads(const Reads& reads) {
  if (const std::string* base = at(reads, "base_model").as_string()) return *base;
  return at(reads, "first_level").as_bool().value_or(false) ? "sd15" : "sdxl";
}

/// The largest index of an `each` read.
std::int64_t last_number(const Value& each) {
  std::int64_t last = -1;
  if (!each.as_list()) return last;
  for (const Value& match : *each.as_list()) {
    const Value::List* pair = match.as_list();
    const Value::List* index = pair && !pair->empty() ? (*pair)[0].as_list() : nullptr;
    if (index && !index->empty()) last = std::max(last, (*index)[0].as_int().value_or(-1));
  }
  return last;
}

/// Numbered names count; the same tensors under their paths in the UNet are twins. accelerate drops the numbered ones when it
/// writes safetensors: then the paths are the only source.
std::vector<EmittedRow> training_rows(const Reads& reads) {
  const bool writing = at(reads, "base_model").as_string() != nullptr;
  const bool half_named = last_number(at(reads, "half_named")) >= 0;
  const bool numbered = writing || half_named || last_number(at(reads, "numbered")) >= 0;
  const std::string level = half_named ? "ip_adapter." : "adapter_modules.";
  const std::string unet = at(reads, "unet_level").as_bool().value_or(false) ? "unet." : "";
  std::vector<EmittedRow> rows;
  for (const Place& place : places(base_from_reads(reads), /*with_lora=*/true)) {
    const std::string path = unet + place.path + ".weight";
    EmittedRow row;
    row.sources = {numbered ? level + place.number + ".weight" : path};
    row.targets = {"ip_adapter." + place.number + ".weight"};
    if (numbered && !writing) row.twins = {path};
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<EmittedRow> emit_rows(std::string_view layout, const Reads& reads) {
  if (layout == "training") return training_rows(reads);
  std::vector<EmittedRow> rows;
  for (const Place& place : places(base_from_reads(reads), /*with_lora=*/false)) {
    EmittedRow row;
    row.sources = {place.path + ".0.weight"};
    row.targets = {"ip_adapter." + place.number + ".weight"};
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

const FamilyTables& ip_adapter_tables() {
  static const FamilyTables tables{.name = "ip_adapter",
                                   .yaml = embedded::ip_adapter_yaml(),
                                   .derive = derive,
                                   .read_native_config = nullptr,
                                   .emit_rows = emit_rows};
  return tables;
}

}  // namespace tenon::models
