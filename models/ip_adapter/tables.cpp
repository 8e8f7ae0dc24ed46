// IP-Adapter's core half: the kind of projector and the base model from shapes, the numbering from an explicit table.
#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include <tenon/derive.h>
#include <tenon/family.h>

#include "families/embedded.h"
#include "models/ip_adapter/numbering.h"
#include "runtime/value/general_finding.h"

namespace tenon::models {
namespace {

constexpr std::int64_t kFaceWidth = 512;  // ArcFace embeddings
constexpr std::int64_t kHeadDim = 64;     // of every published resampler
constexpr std::int64_t kPortraitTokens = 16;

std::string projection_of(const ConfigBuilder& config) {
  if (config.read_bool("perceiver")) return "face_plus";
  if (config.read_bool("latents") || config.read_bool("resampler")) return "resampler";
  if (config.read_bool("mlp_norm")) return "mlp";
  return config.read_bool("mlp") ? "face" : "linear";
}

/// Sizes of the published files, for a tensor that is missing: the report then lists it and does not stop at the config.
struct Published {
  std::int64_t embeddings_dim;
  std::int64_t num_tokens;
};
Published published(const std::string& projection) {
  if (projection == "linear") return {1024, 4};
  if (projection == "face") return {kFaceWidth, 4};
  if (projection == "mlp") return {1280, 257};
  return {1280, projection == "face_plus" ? 4 : 16};
}
constexpr std::int64_t kMlpHidden = 1280;   // full
constexpr std::int64_t kFaceHidden = 1024;  // faceid, faceid-plus
constexpr std::int64_t kDepth = 4;

std::int64_t first_positive(std::initializer_list<std::int64_t> values) {
  return *std::find_if(values.begin(), std::prev(values.end()), [](std::int64_t value) { return value > 0; });
}

void resampler_shapes(ConfigBuilder& config, std::int64_t cross) {
  const std::int64_t width = first_positive({config.read_int("resampler_dim"), config.read_int("latent_width"), cross});
  config.from_shapes("resampler_dim", width);
  config.from_shapes("resampler_depth", first_positive({config.read_int("resampler_depth"), kDepth}));
  config.or_default("resampler_heads", std::max<std::int64_t>(1, width / kHeadDim));
}

void projector_shapes(ConfigBuilder& config, const std::string& projection, std::int64_t cross) {
  const Published known = published(projection);
  const auto per_cross = [&](const char* rows) { return cross > 0 ? config.read_int(rows) / cross : 0; };
  const auto set = [&](const char* key, std::int64_t read, std::int64_t otherwise) {
    config.from_shapes(key, first_positive({read, otherwise}));
  };
  if (projection == "linear") {
    set("embeddings_dim", config.read_int("linear_inputs"), known.embeddings_dim);
    set("num_tokens", per_cross("linear_rows"), known.num_tokens);
  } else if (projection == "resampler") {
    set("embeddings_dim", config.read_int("resampler_inputs"), known.embeddings_dim);
    set("num_tokens", config.read_int("latent_tokens"), known.num_tokens);
  } else if (projection == "mlp") {
    set("embeddings_dim", config.read_int("mlp_inputs"), known.embeddings_dim);
    set("hidden_dim", config.read_int("mlp_hidden"), kMlpHidden);
  } else {
    const bool plus = projection == "face_plus";
    set("embeddings_dim", config.read_int(plus ? "resampler_inputs" : "mlp_inputs"), known.embeddings_dim);
    if (plus) set("id_embeddings_dim", config.read_int("mlp_inputs"), kFaceWidth);
    set("hidden_dim", config.read_int("mlp_hidden"), kFaceHidden);
    set("num_tokens", per_cross("mlp_rows"), config.read_int("lora_rank") == 0 && !plus ? kPortraitTokens : known.num_tokens);
  }
  if (projection == "resampler" || projection == "face_plus") resampler_shapes(config, cross);
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

/// The base whose attentions these are. A complete set is taken at its word, so that one in another order is reported
/// width by width; a smaller one must agree in every width, or it is that of a pruned UNet.
std::string base_of(std::int64_t cross, const Value::List& numbers, const Value::List& widths) {
  const std::string base = cross == 768 ? "sd15" : cross == 2048 ? "sdxl" : "custom";
  const auto table = numbered_attentions(base);
  if (numbers.size() > table.size()) return "custom";
  if (numbers.empty() || numbers.size() == table.size()) return base;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto found = std::find_if(table.begin(), table.end(), [&](const NumberedAttention& a) { return numbers[i] == Value(a.number); });
    if (found == table.end() || !(widths[i] == Value(found->width))) return "custom";
  }
  return base;
}

/// Of a UNet that no table knows nothing can be said to be missing, so this is said.
Finding only_the_projector() {
  Finding finding;
  finding.id = "TN-MISSING";
  finding.kind = FindingKind::kMissing;
  finding.target = "ip_adapter.1.to_k_ip.weight";
  finding.message = "tensor \"ip_adapter.1.to_k_ip.weight\": missing, and so are all key and value projections: only the projector was "
                    "saved [TN-MISSING]";
  finding.remedy = "Save the whole training state; a projector alone cannot be completed.";
  return finding;
}

/// The usual mistake of converters: the middle block numbered before the up blocks. Only the widths at the seams show it.
bool has_middle_before_up(const std::string& base, const Value::List& widths) {
  auto order = numbered_attentions(base);
  const auto right = order;
  std::stable_partition(order.begin(), order.end(), [](const NumberedAttention& a) { return !a.block.starts_with("up_"); });
  if (order.empty() || order.size() != widths.size()) return false;
  bool differs = false;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (!(widths[i] == Value(order[i].width))) return false;
    differs = differs || order[i].width != right[i].width;
  }
  return differs;
}

Finding middle_before_up() {
  return general_finding("TN-ORDER", FindingKind::kConfig, Severity::kError,
                         "the attentions are numbered down, middle, up; the published order is down, up, middle, so from the middle on "
                         "every projection would reach another attention [TN-ORDER]",
                         "Convert what the training script saved with tenon convert --to published.");
}

void attention_shapes(ConfigBuilder& config, std::int64_t cross) {
  Value::List numbers;
  Value::List widths;
  attentions_of_file(config.read("attentions"), numbers, widths);
  config.from_shapes("base_model", base_of(cross, numbers, widths));
  const std::string base = config.config().string_or("base_model", "");
  if (has_middle_before_up(base, widths)) config.result().findings.push_back(middle_before_up());
  if (const auto table = numbered_attentions(base); !table.empty()) {
    numbers.clear();
    widths.clear();
    for (const NumberedAttention& attention : table) {
      numbers.emplace_back(attention.number);
      widths.emplace_back(attention.width);
    }
  }
  if (numbers.empty()) config.result().findings.push_back(only_the_projector());
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
  std::string path;    // "down_blocks.0....attn2.processor.to_k_ip"; empty where no table has the number
};

std::vector<std::string> lora_names() {
  std::vector<std::string> names;
  for (const char* lora : {"to_q_lora", "to_k_lora", "to_v_lora", "to_out_lora"}) {
    for (const char* half : {".down", ".up"}) names.push_back(std::string(lora) + half);
  }
  return names;
}

std::vector<Place> places(const std::vector<NumberedAttention>& attentions, bool with_lora) {
  std::vector<Place> all;
  const auto add = [&](const NumberedAttention& attention, bool is_cross, const std::string& name) {
    const std::string number = std::to_string(is_cross ? attention.number : attention.number - 1);
    const std::string block = attention.block.empty() ? "" : attention.block + (is_cross ? ".attn2." : ".attn1.") + "processor." + name;
    all.push_back({number + "." + name, block});
  };
  for (const NumberedAttention& attention : attentions) {
    for (const std::string name : {"to_k_ip", "to_v_ip"}) add(attention, true, name);
    if (!with_lora) continue;
    for (const std::string& name : lora_names()) {
      add(attention, false, name);
      add(attention, true, name);
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
  const bool first = at(reads, "first_level").as_bool().value_or(false) || at(reads, "bare_first_level").as_bool().value_or(false);
  return first ? "sd15" : "sdxl";
}

/// The first index of every match of an `each` read.
std::vector<std::int64_t> numbers_of(const Value& each) {
  std::vector<std::int64_t> numbers;
  if (!each.as_list()) return numbers;
  for (const Value& match : *each.as_list()) {
    const Value::List* pair = match.as_list();
    const Value::List* index = pair && !pair->empty() ? (*pair)[0].as_list() : nullptr;
    const auto number = index && !index->empty() ? (*index)[0].as_int() : std::nullopt;
    if (number) numbers.push_back(*number);
  }
  return numbers;
}

/// The attentions of the base; those with other numbers, of a UNet that no table knows, have no path.
std::vector<NumberedAttention> attentions_with(const std::string& base, const std::vector<std::int64_t>& numbers) {
  auto attentions = numbered_attentions(base);
  const std::size_t known = attentions.size();
  for (const std::int64_t number : numbers) {
    const bool is_known = std::any_of(attentions.begin(), attentions.begin() + static_cast<std::ptrdiff_t>(known),
                                      [&](const NumberedAttention& a) { return a.number == number; });
    if (!is_known && number > 0) attentions.push_back({number, "", 0});
  }
  return attentions;
}

std::vector<std::int64_t> attentions_of_config(const Reads& reads) {
  std::vector<std::int64_t> numbers;
  const Value::List* listed = at(reads, "attentions").as_list();
  if (!listed) return numbers;
  for (const Value& number : *listed) {
    if (number.as_int()) numbers.push_back(*number.as_int());
  }
  return numbers;
}

/// Numbered names count; the same tensors under their paths in the UNet are twins. accelerate drops the numbered ones when it
/// writes safetensors: then the paths are the only source.
std::vector<EmittedRow> training_rows(const Reads& reads) {
  const bool writing = at(reads, "base_model").as_string() != nullptr;
  const auto half_named = numbers_of(at(reads, "half_named"));
  auto numbers = writing ? attentions_of_config(reads) : numbers_of(at(reads, "numbered"));
  numbers.insert(numbers.end(), half_named.begin(), half_named.end());
  const bool numbered = !numbers.empty();
  const std::string level = half_named.empty() ? "adapter_modules." : "ip_adapter.";
  const std::string unet = at(reads, "unet_level").as_bool().value_or(false) ? "unet." : "";
  std::vector<EmittedRow> rows;
  for (const Place& place : places(attentions_with(base_from_reads(reads), numbers), /*with_lora=*/true)) {
    const std::string path = unet + place.path + ".weight";
    EmittedRow row;
    row.sources = {numbered ? level + place.number + ".weight" : path};
    row.targets = {"ip_adapter." + place.number + ".weight"};
    if (numbered && !writing && !place.path.empty()) row.twins = {path};
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<EmittedRow> emit_rows(std::string_view layout, const Reads& reads) {
  if (layout == "training") return training_rows(reads);
  std::vector<EmittedRow> rows;
  for (const Place& place : places(numbered_attentions(base_from_reads(reads)), /*with_lora=*/false)) {
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
