#include <tenon/models/clip/config.h>

#include <algorithm>
#include <cmath>

#include <tenon/config_error.h>

namespace tenon::models {
namespace {

Failure impossible(const std::string& key, const std::string& found, const std::string& required) {
  return impossible_value("clip", key, found, required);
}

/// Reads positive sizes and remembers the first that is missing or impossible.
class Reader {
 public:
  explicit Reader(const Config& config) : config_(config) {}

  std::int64_t size(const std::string& key) {
    const Value* value = config_.find(key);
    const auto number = value ? value->as_int() : std::nullopt;
    if (!number || *number <= 0) {
      note(impossible(key, value ? to_string(*value) : "missing", "a positive whole number is required"));
      return 1;
    }
    return *number;
  }
  std::int64_t size_or(const std::string& key, std::int64_t otherwise) {
    return config_.has(key) && !config_.find(key)->is_null() ? size(key) : otherwise;
  }
  void note(Failure failure) {
    if (!failure_) failure_ = std::move(failure);
  }
  [[nodiscard]] const std::optional<Failure>& failure() const { return failure_; }

 private:
  const Config& config_;
  std::optional<Failure> failure_;
};

/// Heads do not shape any tensor, so an undecided count still gives the right module; `load` refuses it before a forward.
std::int64_t checked_heads(Reader& in, const std::string& key, std::int64_t heads, std::int64_t width) {
  if (heads <= 0 || width % heads != 0) {
    in.note(impossible(key, std::to_string(heads), "it must divide the width " + std::to_string(width)));
    return 1;
  }
  return heads;
}

ClipVitConfig read_vit(const Config& config, Reader& in) {
  const std::string v = "vision_cfg.";
  ClipVitConfig c;
  c.image_size = in.size(v + "image_size");
  c.patch_size = in.size(v + "patch_size");
  c.width = in.size(v + "width");
  c.layers = in.size(v + "layers");
  const std::int64_t head_width = in.size_or(v + "head_width", c.width);
  if (c.width % head_width != 0) {
    in.note(impossible(v + "head_width", std::to_string(head_width), "it must divide the width " + std::to_string(c.width)));
  }
  c.heads = std::max<std::int64_t>(1, c.width / head_width);
  c.mlp_hidden = std::llround(std::floor(static_cast<double>(c.width) * config.double_or(v + "mlp_ratio", 4.0)));
  c.layer_scale = config.has(v + "ls_init_value") && !config.find(v + "ls_init_value")->is_null();
  c.ln_pre = !config.bool_or(v + "no_ln_pre", false);
  c.average_pool = config.string_or(v + "pool_type", "tok") == "avg";
  c.final_ln_after_pool = config.bool_or(v + "final_ln_after_pool", false);
  c.projection = config.string_or(v + "proj_type", "linear") != "none";
  c.eps = config.double_or(v + "norm_kwargs.eps", 1e-5);
  return c;
}

ClipResNetConfig read_resnet(Reader& in, const Value::List& layers) {
  ClipResNetConfig c;
  c.image_size = in.size("vision_cfg.image_size");
  c.width = in.size("vision_cfg.width");
  const std::int64_t pool_width = 32 * c.width;
  const std::int64_t head_width = in.size_or("vision_cfg.head_width", pool_width);
  if (pool_width % head_width != 0) {
    in.note(impossible("vision_cfg.head_width", std::to_string(head_width), "it must divide the pool's width " + std::to_string(pool_width)));
  }
  c.pool_heads = std::max<std::int64_t>(1, pool_width / head_width);
  for (std::size_t i = 0; i < c.layers.size(); ++i) {
    const auto count = i < layers.size() ? layers[i].as_int() : std::nullopt;
    if (layers.size() != c.layers.size() || !count || *count <= 0) {
      in.note(impossible("vision_cfg.layers", to_string(Value(layers)), "a ResNet tower has four positive counts"));
      break;
    }
    c.layers[i] = *count;
  }
  return c;
}

std::optional<TextPool> text_pool(const std::string& name) {
  if (name == "argmax") return TextPool::kArgmax;
  if (name == "eos") return TextPool::kEos;
  if (name == "last") return TextPool::kLast;
  if (name == "first") return TextPool::kFirst;
  return std::nullopt;
}

ClipTextConfig read_text(const Config& config, Reader& in) {
  const std::string t = "text_cfg.";
  ClipTextConfig c;
  c.context_length = in.size(t + "context_length");
  c.vocab_size = in.size(t + "vocab_size");
  c.width = in.size(t + "width");
  c.layers = in.size(t + "layers");
  c.heads = checked_heads(in, t + "heads", in.size_or(t + "heads", 1), c.width);
  c.mlp_hidden = std::llround(std::floor(static_cast<double>(c.width) * config.double_or(t + "mlp_ratio", 4.0)));
  c.layer_scale = config.has(t + "ls_init_value") && !config.find(t + "ls_init_value")->is_null();
  c.causal = !config.bool_or(t + "no_causal_mask", false);
  const std::string pool = config.string_or(t + "pool_type", "argmax");
  if (const auto kind = text_pool(pool)) {
    c.pool = *kind;
  } else {
    in.note(impossible(t + "pool_type", "\"" + pool + "\"", "it is argmax, eos, last or first"));
  }
  c.eos_id = config.int_or(t + "eos_id", 49407);
  c.projection = config.string_or(t + "proj_type", "linear") != "none";
  c.eps = config.double_or(t + "norm_kwargs.eps", 1e-5);
  return c;
}

}  // namespace

Result<ClipConfig> read_clip_config(const Config& config) {
  Reader in(config);
  ClipConfig c;
  c.quick_gelu = config.bool_or("quick_gelu", false);
  bool vision = true;
  bool text = true;
  if (const Value* towers = config.find("towers"); towers && towers->as_list()) {
    vision = text = false;
    for (const Value& tower : *towers->as_list()) {
      if (tower == Value("vision")) vision = true;
      if (tower == Value("text")) text = true;
    }
  }
  if (vision) {
    const Value* layers = config.find("vision_cfg.layers");
    if (layers && layers->as_list()) {
      c.resnet = read_resnet(in, *layers->as_list());
    } else {
      c.vit = read_vit(config, in);
    }
  }
  if (text) c.text = read_text(config, in);
  const bool projects = c.resnet || (c.vit && c.vit->projection) || (c.text && c.text->projection);
  c.embed_dim = projects ? in.size("embed_dim") : 1;
  c.logit_scale = config.bool_or("logit_scale", vision && text);
  c.logit_bias = config.has("init_logit_bias") && !config.find("init_logit_bias")->is_null();
  if (in.failure()) return *in.failure();
  return c;
}

}  // namespace tenon::models
