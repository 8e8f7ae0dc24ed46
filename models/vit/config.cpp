// Config values become a VitConfig, or a refusal that names the key.
#include <string>

#include <tenon/shape.h>

#include "models/vit/vit.h"

namespace tenon::models {
namespace {

Failure wrong(std::string_view key, const Value& value, const std::string& required) {
  return fail(ErrorKind::kUsage,
              "TN-CONFIG-VALUE",
              "config " + std::string(key) + ": " + to_string(value) + "; it must be " + required + " [TN-CONFIG-VALUE]");
}

/// Reads values one by one; the first that is impossible is kept as the error.
class Reader {
 public:
  explicit Reader(const Config& config) : config_(config) {}

  void number(std::string_view key, std::int64_t& out, std::int64_t least, std::int64_t most = 1 << 24) {
    const auto* const value = present(key);
    if (!value) return;
    const auto number = value->as_int();
    if (!number || *number < least || *number > most) {
      return refuse(key, *value, "an integer from " + std::to_string(least) + " to " + std::to_string(most));
    }
    out = *number;
  }

  /// A number, or [height, width].
  void size(std::string_view key, std::array<std::int64_t, 2>& out) {
    const auto* const value = present(key);
    if (!value) return;
    if (const auto* const list = value->as_list()) {
      const auto height = list->size() == 2 ? (*list)[0].as_int() : std::nullopt;
      const auto width = list->size() == 2 ? (*list)[1].as_int() : std::nullopt;
      if (height && width && is_side(*height) && is_side(*width)) {
        out = {*height, *width};
        return;
      }
    } else if (const auto side = value->as_int(); side && is_side(*side)) {
      out = {*side, *side};
      return;
    }
    refuse(key, *value, "a positive integer or [height, width]");
  }

  void flag(std::string_view key, bool& out) {
    const auto* const value = present(key);
    if (!value) return;
    const auto flag = value->as_bool();
    if (!flag) return refuse(key, *value, "true or false");
    out = *flag;
  }

  void real(std::string_view key, double& out) {
    const auto* const value = present(key);
    if (!value) return;
    const auto real = value->as_double();
    if (!real || !(*real >= 0) || *real > 1) return refuse(key, *value, "a number from 0 to 1");
    out = *real;
  }

  /// One of `names`; gives its place.
  std::size_t choice(std::string_view key, const std::vector<std::string>& names, std::size_t otherwise) {
    const auto* const value = present(key);
    if (!value) return otherwise;
    std::string list;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (value->as_string() && *value->as_string() == names[i]) return i;
      list += (i == 0 ? "" : ", ") + names[i];
    }
    refuse(key, *value, "one of " + list);
    return otherwise;
  }

  void refuse(std::string_view key, const Value& value, const std::string& required) {
    if (result) result = wrong(key, value, required);
  }

  Result<void> result;

 private:
  static bool is_side(std::int64_t n) { return n > 0 && n <= 1 << 16; }
  const Value* present(std::string_view key) const {
    const auto* const value = config_.find(key);
    return value && !value->is_null() ? value : nullptr;
  }

  const Config& config_;
};

}  // namespace

Result<VitConfig> VitConfig::from(const Config& config) {
  VitConfig c;
  Reader read(config);
  read.size("img_size", c.img_size);
  read.size("patch_size", c.patch_size);
  read.number("in_chans", c.in_chans, 1);
  read.number("num_classes", c.num_classes, 0);
  read.number("embed_dim", c.embed_dim, 1);
  read.number("depth", c.depth, 0, 1 << 16);
  read.number("num_heads", c.num_heads, 1);
  read.number("mlp_hidden", c.mlp_hidden, 1);
  read.flag("class_token", c.class_token);
  read.flag("dist_token", c.dist_token);
  read.number("reg_tokens", c.reg_tokens, 0, 1 << 16);
  read.flag("no_embed_class", c.no_embed_class);
  read.flag("qkv_bias", c.qkv_bias);
  c.qk_norm = static_cast<QkNorm>(read.choice("qk_norm", {"none", "head", "full"}, 0));
  read.flag("layer_scale", c.layer_scale);
  read.flag("pre_norm", c.pre_norm);
  read.flag("final_norm", c.final_norm);
  read.flag("fc_norm", c.fc_norm);
  c.average = read.choice("global_pool", {"token", "avg"}, 0) == 1;
  const std::vector<std::string> acts{"gelu", "quick_gelu", "swiglu", "gelu_tanh"};
  c.act = acts[read.choice("act", acts, 0)];
  c.rms_norm = read.choice("norm", {"layernorm", "rmsnorm"}, 0) == 1;
  read.real("norm_eps", c.norm_eps);

  if (c.num_heads > 0 && c.embed_dim % c.num_heads != 0) {
    read.refuse("num_heads", c.num_heads, "a divisor of embed_dim, " + std::to_string(c.embed_dim));
  }
  if (c.num_heads == 0 && c.qk_norm == QkNorm::kHead) {
    read.refuse("num_heads", nullptr, "given: norms of queries and keys are as wide as a head");
  }
  if (c.grid()[0] < 1 || c.grid()[1] < 1) {
    read.refuse("img_size", to_string(Shape{c.img_size[0], c.img_size[1]}), "no smaller than a patch");
  }
  if (c.act == "swiglu" && c.mlp_hidden % 2 != 0) read.refuse("mlp_hidden", c.mlp_hidden, "even: swiglu halves it");
  if (c.dist_token && !c.class_token) read.refuse("dist_token", true, "false without a class token");
  if (!read.result) return tl::unexpected(read.result.error());
  return c;
}

}  // namespace tenon::models
