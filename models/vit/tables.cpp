// The core half of the ViT family: what its shapes mean.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tenon/derive.h>
#include <tenon/family.h>

#include "families/embedded.h"
#include "models/vit/native_config.h"

namespace tenon::models {
namespace vit {
namespace {

struct Size {
  std::int64_t height = 0;
  std::int64_t width = 0;
};

Value size_value(const Size& size) {
  if (size.height == size.width) return Value(size.height);
  return Value(Value::List{Value(size.height), Value(size.width)});
}

std::optional<Size> as_size(const Value& value) {
  if (const auto side = value.as_int()) return Size{*side, *side};
  const auto* pair = value.as_list();
  if (pair == nullptr || pair->size() != 2 || !(*pair)[0].as_int() || !(*pair)[1].as_int()) return std::nullopt;
  return Size{*(*pair)[0].as_int(), *(*pair)[1].as_int()};
}

std::optional<std::int64_t> square_root(std::int64_t value) {
  const auto root = static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(std::max<std::int64_t>(value, 0)))));
  if (root < 1 || root > 1'000'000 || root * root != value) return std::nullopt;
  return root;
}

std::int64_t dim(const Value& shape, std::size_t index) {
  const auto* list = shape.as_list();
  return list != nullptr && index < list->size() ? (*list)[index].as_int().value_or(0) : 0;
}

/// Which tokens stand before the patches, and which of them have a position.
struct Tokens {
  bool class_token = false;
  bool dist_token = false;
  std::int64_t registers = 0;
  bool no_embed_class = false;
  std::optional<std::int64_t> patches;     // positions of patches; nullopt without a position table
  std::optional<std::int64_t> or_patches;  // the other count, where with and without a prefix both make a square
};

/// How many patches the requested image has; nullopt when nobody asked for one.
std::optional<std::int64_t> asked_patches(const ConfigBuilder& builder) {
  const auto image = as_size(builder.asked("img_size"));
  const Value& patch = builder.read("patch");
  if (!image || dim(patch, 2) < 1 || dim(patch, 3) < 1) return std::nullopt;
  return (image->height / dim(patch, 2)) * (image->width / dim(patch, 3));
}

/// A class token that the file lost still shows in the count of positions: one more than a grid and the tokens that are there.
Tokens read_tokens(const ConfigBuilder& builder) {
  Tokens tokens;
  tokens.class_token = builder.read_bool("class_token");
  tokens.dist_token = builder.read_bool("dist_token");
  tokens.registers = builder.read_int("reg_tokens");
  const auto positions = dim(builder.read("pos"), 1);
  if (positions == 0) return tokens;
  const auto wanted = asked_patches(builder);
  const auto is_grid = [&](std::int64_t patches) { return wanted == patches || square_root(patches); };
  auto prefix = (tokens.class_token ? 1 : 0) + (tokens.dist_token ? 1 : 0) + tokens.registers;
  if (!tokens.class_token && !is_grid(positions) && !is_grid(positions - prefix) && is_grid(positions - prefix - 1)) {
    tokens.class_token = true;
    ++prefix;
  }
  const auto said = builder.asked("no_embed_class").as_bool();
  if (prefix == 0) {
    tokens.no_embed_class = false;
  } else if (wanted == positions || wanted == positions - prefix) {
    tokens.no_embed_class = wanted == positions;  // a grid that is no square may look like another that is
  } else if (square_root(positions) && square_root(positions - prefix)) {
    tokens.no_embed_class = said.value_or(false);
    if (!said) tokens.or_patches = positions;
  } else if (!square_root(positions - prefix)) {
    tokens.no_embed_class = square_root(positions) || said.value_or(false);
  }
  tokens.patches = tokens.no_embed_class ? positions : positions - prefix;
  return tokens;
}

void derive_patches(ConfigBuilder& builder) {
  const Value& patch = builder.read("patch");
  if (patch.as_list() == nullptr || patch.as_list()->size() != 4) {
    builder.cannot_tell("patch_size", {Value(16), Value(14), Value(32), Value(8)}, true);
    builder.or_default("in_chans", 3);
    return;
  }
  builder.from_shapes("patch_size", size_value({dim(patch, 2), dim(patch, 3)}));
  builder.from_shapes("in_chans", Value(dim(patch, 1)));
}

/// Image sizes whose grid has this many patches, the squarest first.
std::vector<Value> image_choices(std::int64_t patches, const Size& patch) {
  std::vector<Value> choices;
  for (std::int64_t rows = static_cast<std::int64_t>(std::sqrt(static_cast<double>(patches))); rows >= 2 && choices.size() < 6; --rows) {
    if (patches % rows != 0) continue;
    choices.push_back(size_value({rows * patch.height, patches / rows * patch.width}));
    choices.push_back(size_value({patches / rows * patch.height, rows * patch.width}));
  }
  return choices;
}

void derive_image(ConfigBuilder& builder, const Tokens& tokens) {
  const Value* patch_value = builder.config().find("patch_size");
  const auto patch = patch_value != nullptr ? as_size(*patch_value) : std::nullopt;
  const auto asked = as_size(builder.asked("img_size"));
  if (!tokens.patches || !patch || patch->height < 1 || patch->width < 1) {
    builder.cannot_tell("img_size", {Value(224), Value(384), Value(448), Value(518)}, true);
    return;
  }
  // 378 and 384 have one grid at 14: what was asked for stays where it fits.
  const bool fits = asked && (asked->height / patch->height) * (asked->width / patch->width) == *tokens.patches;
  const auto image_of = [&](std::int64_t side) { return size_value({side * patch->height, side * patch->width}); };
  const auto side = square_root(*tokens.patches);
  if (fits) {
    builder.or_default("img_size", Value());
  } else if (side && tokens.or_patches) {
    builder.cannot_tell("img_size", {image_of(*side), image_of(*square_root(*tokens.or_patches))}, true);
  } else if (side) {
    builder.from_shapes("img_size", image_of(*side));
  } else {
    builder.cannot_tell("img_size", image_choices(*tokens.patches, *patch), true);
  }
}

std::string qk_norm_of(const ConfigBuilder& builder, std::int64_t width) {
  const auto norm = builder.read_int("q_norm");
  if (norm == 0) return "none";
  return norm == width ? "full" : "head";
}

/// Head counts that divide the width, those of 64 channels first.
std::vector<Value> head_choices(std::int64_t width) {
  std::vector<std::int64_t> heads;
  for (std::int64_t h = 1; h <= width / 8 && h <= 256; ++h) {
    if (width % h == 0 && width / h <= 256) heads.push_back(h);
  }
  const auto from_64 = [&](std::int64_t h) { return std::abs(width / h - 64); };
  std::stable_sort(heads.begin(), heads.end(), [&](std::int64_t a, std::int64_t b) { return from_64(a) < from_64(b); });
  if (heads.size() > 6) heads.resize(6);
  return {heads.begin(), heads.end()};
}

void derive_structure(ConfigBuilder& builder, const Tokens& tokens) {
  const auto width = builder.read_int("width");
  const Value& fc1 = builder.read("fc1");
  builder.from_shapes("num_classes", Value(builder.read_int("classes", builder.read_int("classes_dist"))));
  builder.from_shapes("embed_dim", Value(width));
  builder.from_shapes("depth", Value(builder.read_int("depth")));
  builder.from_shapes("mlp_hidden", Value(fc1.is_null() ? dim(builder.read("fc1_bias"), 0) : dim(fc1, 0)));
  builder.from_shapes("class_token", Value(tokens.class_token));
  builder.from_shapes("dist_token", Value(tokens.dist_token));
  builder.from_shapes("reg_tokens", Value(tokens.registers));
  builder.from_shapes("no_embed_class", Value(tokens.no_embed_class));
  builder.from_shapes("qkv_bias", Value(builder.read_bool("qkv_bias")));
  builder.from_shapes("qk_norm", Value(qk_norm_of(builder, width)));
  builder.from_shapes("layer_scale", Value(builder.read_bool("layer_scale")));
  builder.from_shapes("pre_norm", Value(builder.read_bool("pre_norm")));
  const bool fc_norm = builder.read_bool("fc_norm");
  builder.from_shapes("final_norm", Value(fc_norm || builder.read_bool("final_norm")));
  builder.from_shapes("fc_norm", Value(fc_norm));
  // A norm without a bias is an RMSNorm; one that has no weight either goes by other names, which tells nothing of its kind.
  const bool is_rms = builder.read_bool("norm_weight") && !builder.read_bool("norm_bias");
  builder.from_shapes("norm", Value(is_rms ? "rmsnorm" : "layernorm"));
}

void derive_heads(ConfigBuilder& builder) {
  const auto width = builder.read_int("width");
  const auto norm = builder.read_int("q_norm");
  if (norm > 0 && norm < width && width % norm == 0) {
    builder.from_shapes("num_heads", Value(width / norm));
  } else {
    builder.cannot_tell("num_heads", head_choices(width), true);
  }
}

void derive_pool(ConfigBuilder& builder, const Tokens& tokens) {
  if (!tokens.class_token) {
    builder.from_shapes("global_pool", Value("avg"));
  } else {
    builder.or_default("global_pool", Value(builder.read_bool("fc_norm") ? "avg" : "token"));
  }
}

/// Towers with a norm before the blocks are CLIP's, trained with one activation or the other; every other ViT has the exact GELU.
void derive_activation(ConfigBuilder& builder) {
  const auto outer = dim(builder.read("fc1"), 0);
  const auto inner = dim(builder.read("fc2"), 1);
  if (inner > 0 && outer == 2 * inner) {
    builder.from_shapes("act", Value("swiglu"));
  } else if (builder.read_bool("pre_norm")) {
    builder.cannot_tell("act", {Value("gelu"), Value("quick_gelu")}, true);
  } else {
    builder.or_default("act", Value("gelu"));
  }
}

/// The epsilon follows the layout: 1e-6 in timm, InternViT and DINOv2, 1e-5 in their CLIP towers. transformers' ViT and DeiT (the
/// ones without layer scale) have 1e-12 for the weights that timm runs with 1e-6, so a file of unknown size leaves it open.
void derive_eps(ConfigBuilder& builder, std::string_view layout) {
  const bool classic = layout == "transformers" && !builder.read_bool("layer_scale");
  if (classic && builder.asked("norm_eps").is_null() && !builder.given("norm_eps").is_null()) {
    builder.result().config.set("norm_eps", Value(1e-12), ConfigOrigin::kVariantTable);
  } else if (classic) {
    builder.cannot_tell("norm_eps", {Value(1e-12), Value(1e-6)}, true);
  } else {
    builder.or_default("norm_eps", Value(builder.read_bool("pre_norm") ? 1e-5 : 1e-6));
  }
}

Derivation derive(const DeriveInput& input) {
  ConfigBuilder builder("vit", input);
  const Tokens tokens = read_tokens(builder);
  derive_patches(builder);
  derive_image(builder, tokens);
  derive_structure(builder, tokens);
  builder.choose_variant();
  derive_heads(builder);
  derive_pool(builder, tokens);
  derive_activation(builder);
  derive_eps(builder, input.layout);
  return builder.finish();
}

}  // namespace
}  // namespace vit

const FamilyTables& vit_tables() {
  static const FamilyTables tables{.name = "vit",
                                   .yaml = embedded::vit_yaml(),
                                   .derive = vit::derive,
                                   .read_native_config = vit::read_native_config};
  return tables;
}

}  // namespace tenon::models
