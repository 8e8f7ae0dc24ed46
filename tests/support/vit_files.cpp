#include "tests/support/vit_files.h"

#include <ostream>
#include <stdexcept>

namespace tenon::test {
namespace {

/// What one library calls the tensors. An empty name: it has none.
struct Names {
  VitWriter writer;
  std::string root = {};  // in front of everything but the heads, where there is a head
  std::string cls_token = "embeddings.cls_token";
  std::string dist_token = {};
  std::string reg_token = {};
  std::string mask_token = {};
  std::string pos_embed = "embeddings.position_embeddings";
  std::string patch = "embeddings.patch_embeddings.projection";
  std::string norm = "layernorm";
  std::string head = "classifier";
  std::string head_dist = {};
  std::string block = "encoder.layer.";
  std::vector<std::string> qkv = {"attention.attention.query", "attention.attention.key", "attention.attention.value"};
  std::string q_norm = "attention.q_norm";
  std::string k_norm = "attention.k_norm";
  std::string out = "attention.output.dense";
  std::string norm1 = "norm1";
  std::string norm2 = "norm2";
  std::string fc1 = "mlp.fc1";
  std::string fc2 = "mlp.fc2";
  std::string swiglu1 = "mlp.weights_in";
  std::string swiglu2 = "mlp.weights_out";
  std::string scale1 = "layer_scale1.lambda1";
  std::string scale2 = "layer_scale2.lambda1";
};

const char* const kTimm = "timm's VisionTransformer";
const char* const kDistilled = "timm's VisionTransformerDistilled";
const char* const kDinov2 = "Meta's DinoVisionTransformer";
const char* const kInternVit = "OpenGVLab's InternVisionModel";
const char* const kVit = "transformers' ViT";
const char* const kDeit = "transformers' DeiT";
const char* const kHfDinov2 = "transformers' Dinov2Model";
const char* const kInternVl = "transformers' InternVLVisionModel";

Names timm_names(const char* writer) {
  return {.writer = {writer, "timm"},
          .cls_token = "cls_token",
          .dist_token = "dist_token",
          .reg_token = "reg_token",
          .pos_embed = "pos_embed",
          .patch = "patch_embed.proj",
          .norm = "norm",
          .head = "head",
          .head_dist = "head_dist",
          .block = "blocks.",
          .qkv = {"attn.qkv"},
          .q_norm = "attn.q_norm",
          .k_norm = "attn.k_norm",
          .out = "attn.proj",
          .swiglu1 = "mlp.fc1",
          .swiglu2 = "mlp.fc2",
          .scale1 = "ls1.gamma",
          .scale2 = "ls2.gamma"};
}

Names dinov2_names() {
  Names names = timm_names(kDinov2);
  names.writer.layout = "dinov2";
  names.reg_token = "register_tokens";
  names.mask_token = "mask_token";
  names.swiglu1 = "mlp.w12";
  names.swiglu2 = "mlp.w3";
  return names;
}

Names internvit_names() {
  Names names = timm_names(kInternVit);
  names.writer.layout = "internvit";
  names.cls_token = "embeddings.class_embedding";
  names.pos_embed = "embeddings.position_embedding";
  names.patch = "embeddings.patch_embedding";
  names.block = "encoder.layers.";
  names.scale1 = "ls1";
  names.scale2 = "ls2";
  return names;
}

Names vit_names(const char* writer, const std::string& root) {
  return {.writer = {writer, "transformers"},
          .root = root,
          .norm1 = "layernorm_before",
          .norm2 = "layernorm_after",
          .fc1 = "intermediate.dense",
          .fc2 = "output.dense"};
}

Names deit_names() {
  Names names = vit_names(kDeit, "deit.");
  names.dist_token = "embeddings.distillation_token";
  names.head = "cls_classifier";
  names.head_dist = "distillation_classifier";
  return names;
}

Names hf_dinov2_names() {
  return {.writer = {kHfDinov2, "transformers"}, .reg_token = "embeddings.register_tokens", .mask_token = "embeddings.mask_token"};
}

Names internvl_names() {
  return {.writer = {kInternVl, "transformers"},
          .qkv = {"attention.q_proj", "attention.k_proj", "attention.v_proj"},
          .out = "attention.projection_layer",
          .norm1 = "layernorm_before",
          .norm2 = "layernorm_after",
          .scale1 = "lambda_1",
          .scale2 = "lambda_2"};
}

const std::vector<Names>& all_names() {
  static const std::vector<Names> names{timm_names(kTimm),
                                        timm_names(kDistilled),
                                        dinov2_names(),
                                        internvit_names(),
                                        vit_names(kVit, "vit."),
                                        deit_names(),
                                        hf_dinov2_names(),
                                        internvl_names()};
  return names;
}

const Names& names_of(const VitWriter& writer) {
  for (const Names& names : all_names()) {
    if (names.writer.name == writer.name) return names;
  }
  throw std::logic_error(writer.name);
}

class File {
 public:
  File(const Names& names, const VitSize& size) : names_(names), size_(size), root_(size.classes > 0 ? names.root : "") {}

  std::vector<Placeholder> tensors() && {
    embeddings();
    for (std::int64_t i = 0; i < size_.depth; ++i) block(root_ + names_.block + std::to_string(i) + ".");
    if (size_.final_norm) norm(root_ + (size_.fc_norm ? "fc_norm" : names_.norm), size_.width);
    if (size_.classes > 0) linear(names_.head, size_.classes, size_.width);
    if (size_.classes > 0 && size_.dist_token) linear(names_.head_dist, size_.classes, size_.width);
    return std::move(tensors_);
  }

 private:
  void add(const std::string& name, const Shape& shape) { tensors_.push_back({name, shape}); }

  void linear(const std::string& name, std::int64_t out, std::int64_t in, bool bias = true) {
    add(name + ".weight", {out, in});
    if (bias) add(name + ".bias", {out});
  }

  void norm(const std::string& name, std::int64_t width) {
    add(name + ".weight", {width});
    if (!size_.rms_norm) add(name + ".bias", {width});
  }

  void embeddings() {
    const auto width = size_.width;
    // Both DINOv2 have a position for the class token and none for registers; timm has them for all or for none of the prefix.
    const auto tokens = !names_.mask_token.empty() ? 1 : size_.no_embed_class ? 0 : size_.prefix();
    add(root_ + names_.pos_embed, {1, size_.grid[0] * size_.grid[1] + tokens, width});
    add(root_ + names_.patch + ".weight", {width, size_.channels, size_.patch[0], size_.patch[1]});
    if (!size_.pre_norm) add(root_ + names_.patch + ".bias", {width});
    if (size_.class_token) add(root_ + names_.cls_token, {1, 1, width});
    if (size_.dist_token) add(root_ + names_.dist_token, {1, 1, width});
    if (size_.registers > 0) add(root_ + names_.reg_token, {1, size_.registers, width});
    if (!names_.mask_token.empty()) add(root_ + names_.mask_token, {1, width});
    if (size_.pre_norm) norm("norm_pre", width);
  }

  void block(const std::string& at) {
    const auto width = size_.width;
    const auto fused = static_cast<std::int64_t>(3 / names_.qkv.size());
    for (const std::string& name : names_.qkv) linear(at + name, fused * width, width, size_.qkv_bias);
    if (size_.qk_norm != "none") {
      const auto over = size_.qk_norm == "full" ? width : width / size_.heads;
      norm(at + names_.q_norm, over);
      norm(at + names_.k_norm, over);
    }
    linear(at + names_.out, width, width);
    norm(at + names_.norm1, width);
    norm(at + names_.norm2, width);
    const bool swiglu = size_.act == "swiglu";
    linear(at + (swiglu ? names_.swiglu1 : names_.fc1), swiglu ? 2 * size_.hidden : size_.hidden, width);
    linear(at + (swiglu ? names_.swiglu2 : names_.fc2), width, size_.hidden);
    if (size_.layer_scale) {
      add(at + names_.scale1, {width});
      add(at + names_.scale2, {width});
    }
  }

  const Names& names_;
  const VitSize& size_;
  std::string root_;
  std::vector<Placeholder> tensors_;
};

/// Draws what every writer leaves open.
class Draw {
 public:
  explicit Draw(std::mt19937& generator) : generator_(generator) {}

  bool coin() { return generator_() % 2 == 0; }
  template <typename T>
  T one_of(std::initializer_list<T> values) {
    return *(values.begin() + generator_() % values.size());
  }

  void width(VitSize& size) {
    size.heads = one_of<std::int64_t>({2, 3, 4, 6, 12});
    size.width = size.heads * one_of<std::int64_t>({4, 8, 32, 64, 80});
    size.hidden = one_of<std::int64_t>({size.width / 2, size.width, size.width * 8 / 3, 4 * size.width, 5 * size.width + 3});
    size.channels = one_of<std::int64_t>({1, 3, 4, 12});
    size.classes = one_of<std::int64_t>({0, 1, 10, 1000});
    size.qkv_bias = coin();
    size.eps = one_of({1e-5, 1e-6, 1e-12});
    size.act = one_of<const char*>({"gelu", "quick_gelu"});
  }

  void timm(VitSize& size) {
    size.class_token = coin();
    size.registers = one_of<std::int64_t>({0, 1, 4, 7});
    size.no_embed_class = (size.class_token || size.registers > 0) && coin();
    size.qk_norm = one_of<const char*>({"none", "head"});
    size.layer_scale = coin();
    size.pre_norm = coin();
    size.final_norm = coin();
    size.fc_norm = size.final_norm && coin();
    size.average = !size.class_token || coin();
    size.rms_norm = coin();
    if (coin()) size.act = "swiglu";
  }

  void dinov2(VitSize& size) {
    size.classes = 0;
    size.layer_scale = true;
    size.registers = one_of<std::int64_t>({0, 1, 4});
    size.no_embed_class = size.registers > 0;
    if (coin()) size.act = "swiglu";
  }

  void intern(VitSize& size) {
    size.classes = 0;
    size.layer_scale = true;
    size.rms_norm = coin();
    size.final_norm = false;
    if (size.rms_norm && coin()) size.qk_norm = "full";
  }

 private:
  std::mt19937& generator_;
};

bool is_square(std::int64_t count) {
  std::int64_t side = 1;
  while (side * side < count) ++side;
  return side * side == count;
}

Value side(const std::array<std::int64_t, 2>& size) {
  return size[0] == size[1] ? Value(size[0]) : Value(Value::List{size[0], size[1]});
}

}  // namespace

bool VitSize::shows_its_grid() const {
  const auto positions = grid[0] * grid[1] + (no_embed_class ? 0 : prefix());
  return grid[0] == grid[1] && !(prefix() > 0 && is_square(positions) && is_square(positions - prefix()));
}

Config VitSize::config() const {
  Config config = unseen();
  config.set("img_size", side({grid[0] * patch[0], grid[1] * patch[1]}));
  config.set("patch_size", side(patch));
  config.set("in_chans", channels);
  config.set("num_classes", classes);
  config.set("embed_dim", width);
  config.set("depth", depth);
  config.set("mlp_hidden", act == "swiglu" ? 2 * hidden : hidden);
  config.set("class_token", class_token);
  config.set("dist_token", dist_token);
  config.set("reg_tokens", registers);
  config.set("no_embed_class", no_embed_class);
  config.set("qkv_bias", qkv_bias);
  config.set("qk_norm", qk_norm);
  config.set("layer_scale", layer_scale);
  config.set("pre_norm", pre_norm);
  config.set("final_norm", final_norm);
  config.set("fc_norm", fc_norm);
  config.set("norm", rms_norm ? "rmsnorm" : "layernorm");
  return config;
}

Config VitSize::unseen() const {
  Config config;
  config.set("num_heads", heads);
  config.set("global_pool", average ? "avg" : "token");
  config.set("act", act);
  config.set("norm_eps", eps);
  if (!shows_its_grid()) config.set("img_size", side({grid[0] * patch[0], grid[1] * patch[1]}));
  return config;
}

std::ostream& operator<<(std::ostream& out, const VitSize& size) {
  const Config config = size.config();
  for (const Config::Item& item : config.items()) out << item.key << "=" << to_string(item.value) << " ";
  return out;
}

std::ostream& operator<<(std::ostream& out, const VitWriter& writer) { return out << writer.name; }

std::vector<VitWriter> vit_writers() {
  std::vector<VitWriter> writers;
  for (const Names& names : all_names()) writers.push_back(names.writer);
  return writers;
}

VitSize draw_vit(const VitWriter& writer,
                 std::mt19937& generator,
                 std::array<std::int64_t, 2> patch,
                 std::array<std::int64_t, 2> grid,
                 std::int64_t depth) {
  VitSize size;
  size.patch = patch;
  size.grid = grid;
  size.depth = depth;
  Draw draw(generator);
  draw.width(size);
  if (writer.name == kTimm) draw.timm(size);
  if (writer.name == kDistilled || writer.name == kDeit) size.dist_token = true;
  if (writer.name == kDinov2 || writer.name == kHfDinov2) draw.dinov2(size);
  if (writer.name == kInternVit || writer.name == kInternVl) draw.intern(size);
  return size;
}

std::vector<Placeholder> vit_file(const VitWriter& writer, const VitSize& size) {
  return File(names_of(writer), size).tensors();
}

}  // namespace tenon::test
