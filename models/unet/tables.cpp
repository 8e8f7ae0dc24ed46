// The core half of the family: its tables, and what they cannot express.
#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

#include <tenon/derive.h>
#include <tenon/family.h>

#include "families/embedded.h"
#include "models/unet/ldm.h"
#include "models/unet/shapes.h"
#include "models/unet/structure.h"
#include "runtime/value/general_finding.h"

namespace tenon::models {
namespace unet {
namespace {

bool same_items(const Config& a, const Config& b) {
  if (a.items().size() != b.items().size()) return false;
  return std::all_of(a.items().begin(), a.items().end(), [&](const Config::Item& item) {
    const auto* other = b.find(item.key);
    return other != nullptr && *other == item.value;
  });
}

/// One structure has several spellings (2 or [2, 2, 2]): what was asked for stays only where it means something else than
/// the shapes do.
Config without_respelling(const Config& requested, const Config& shapes) {
  Config joined = shapes;
  for (const auto& item : requested.items()) joined.set(item.key, item.value, item.origin);
  const auto structure = read_structure(joined);
  if (!structure || !same_items(shape_config(*structure, ConfigOrigin::kShapes), shapes)) return requested;
  Config rest = requested;
  for (const auto& item : shapes.items()) rest.erase(item.key);
  return rest;
}

std::vector<Value> head_choices(const Structure& s) {
  // The two conventions of published models: eight heads everywhere, or heads of 64 channels.
  std::vector<Value> choices;
  const auto all = [&](auto&& test) { return std::all_of(s.levels.begin(), s.levels.end(), test); };
  if (all([](const Level& level) { return level.width % 8 == 0; })) choices.emplace_back(8);
  if (all([](const Level& level) { return level.width % 64 == 0; })) {
    Value::List heads;
    for (const auto& level : s.levels) heads.emplace_back(level.width / 64);
    choices.emplace_back(std::move(heads));
  }
  return choices;
}

void decide_groups(const Structure& s, ConfigBuilder& builder) {
  const bool usual = std::all_of(s.levels.begin(), s.levels.end(), [](const Level& l) { return l.width % 32 == 0; });
  if (usual) {
    builder.or_default("norm_num_groups", 32);
  } else {
    builder.cannot_tell("norm_num_groups", {8, 16}, /*needed_by_forward=*/true);
  }
}

void decide_computation(const Structure& s, std::string_view layout, ConfigBuilder& builder) {
  decide_groups(s, builder);
  // diffusers' video class departs from the original code, which has one epsilon everywhere.
  builder.or_default("norm_eps", s.video && layout == "diffusers" ? 1e-6 : 1e-5);
  if (s.video) return;
  builder.or_default("act_fn", "silu");
  builder.or_default("flip_sin_to_cos", true);
  builder.or_default("freq_shift", 0);
  builder.or_default("center_input_sample", false);
  builder.or_default("downsample_padding", 1);
  builder.or_default("mid_block_scale_factor", 1);
}

void decide_label(const Structure& s, ConfigBuilder& builder) {
  if (s.label != Label::kAdded) return;
  constexpr std::int64_t kVideoIds = 3;  // frames per second, motion, augmentation
  if (s.video && s.label_width % kVideoIds == 0) {
    builder.or_default("addition_time_embed_dim", s.label_width / kVideoIds);
  } else {
    builder.cannot_tell("addition_time_embed_dim", {256}, /*needed_by_forward=*/true);
  }
}

/// What the weights say nothing about and forward does not need: it is the scheduler's and the pipeline's business.
void decide_training(const Structure& s, ConfigBuilder& builder) {
  if (builder.result().variant == "sd2") {
    builder.cannot_tell("sample_size", {64, 96}, /*needed_by_forward=*/false);
  } else if (const auto size = builder.given("sample_size"); !size.is_null()) {
    builder.or_default("sample_size", size);
  }
  builder.cannot_tell("prediction_type", {"epsilon", "v_prediction"}, /*needed_by_forward=*/false);
  if (s.video) builder.cannot_tell("num_frames", {14, 25}, /*needed_by_forward=*/false);
}

Finding impossible(const Error& error) {
  return general_finding("TN-CONFIG-IMPOSSIBLE", FindingKind::kConfig, Severity::kError, error.message, error.remedy);
}

Derivation derive(const DeriveInput& input) {
  const auto structure = structure_of(input.reads);
  if (!structure) return {};
  const auto shapes = shape_config(*structure, ConfigOrigin::kShapes);
  const auto requested = without_respelling(input.requested, shapes);
  const DeriveInput weighed{input.reads, requested, input.layout, input.variants, input.prefix, input.nested};
  ConfigBuilder builder("unet", weighed);
  for (const auto& item : shapes.items()) builder.from_shapes(item.key, item.value);
  builder.choose_variant();
  if (structure->context > 0) {
    builder.cannot_tell(heads_key(structure->video), head_choices(*structure), /*needed_by_forward=*/true);
  }
  decide_label(*structure, builder);
  decide_computation(*structure, input.layout, builder);
  decide_training(*structure, builder);
  // Whatever else was asked for is kept, so that the module refuses what it has no place for.
  for (const auto& item : requested.items()) {
    if (!builder.config().has(item.key)) builder.result().config.set(item.key, item.value, item.origin);
  }
  if (const auto read = read_structure(builder.config()); !read) {
    builder.result().findings.push_back(impossible(read.error()));
  }
  return builder.finish();
}

std::string_view label_name(bool is_class) { return is_class ? "class_embedding" : "add_embedding"; }

std::vector<std::string> names_of(const Reads& reads, std::initializer_list<std::string_view> keys) {
  std::vector<std::string> names;
  for (const auto key : keys) {
    const auto found = reads.find(key);
    const auto* list = found == reads.end() ? nullptr : found->second.as_list();
    if (list == nullptr) continue;
    for (const auto& item : *list) {
      if (const auto* name = item.as_string()) names.push_back(*name);
    }
  }
  return names;
}

std::vector<EmittedRow> emit_rows(std::string_view layout, const Reads& reads) {
  if (layout != "ldm") return {};
  if (reads.find("block_out_channels") == reads.end()) {
    const auto number = [&](std::string_view name) {
      const auto found = reads.find(name);
      return found == reads.end() ? 0 : found->second.as_int().value_or(0);
    };
    const auto label = [&](bool video) { return label_name(is_class_label(number("context"), number("label"), video)); };
    if (const auto dotless = names_of(reads, {"dotless"}); !dotless.empty()) return dotless_rows(dotless, label(false));
    const auto numbering = numbering_of(names_of(reads, {"down", "up"}));
    return ldm_rows(numbering, label(numbering.video));
  }
  // `convert`: the model's config stands in for the reads.
  Config config;
  for (const auto& [key, value] : reads) config.set(key, value);
  const auto structure = read_structure(config);
  if (!structure) return {};
  return ldm_rows(numbering_of(*structure),
                  label_name(structure->label == Label::kClassProjection));
}

}  // namespace
}  // namespace unet

const FamilyTables& unet_tables() {
  static const FamilyTables tables{.name = "unet",
                                   .yaml = embedded::unet_yaml(),
                                   .derive = unet::derive,
                                   .read_native_config = unet::read_native_config,
                                   .emit_rows = unet::emit_rows};
  return tables;
}

}  // namespace tenon::models
