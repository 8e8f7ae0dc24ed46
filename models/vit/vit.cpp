#include "models/vit/vit.h"

#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/core/IListRef.h>
#include <ATen/ops/cat.h>

namespace tenon::models {
namespace vit {  // a name, since Vit::Block has members of these types

using QkNorm = VitConfig::QkNorm;

std::shared_ptr<nn::Norm> make_norm(const VitConfig& c, std::int64_t width) {
  if (c.rms_norm) return std::make_shared<nn::RMSNorm>(width, c.norm_eps);
  return std::make_shared<nn::LayerNorm>(width, nn::NormOptions{.eps = c.norm_eps});
}

class Attention : public nn::Module {
 public:
  explicit Attention(const VitConfig& c)
      : heads_(c.num_heads),
        qk_norm_(c.qk_norm),
        qkv_(child<nn::Linear>("qkv", c.embed_dim, 3 * c.embed_dim, c.qkv_bias)) {
    if (qk_norm_ != QkNorm::kNone) {
      const auto width = qk_norm_ == QkNorm::kHead ? c.embed_dim / heads_ : c.embed_dim;
      q_norm_ = attach("q_norm", make_norm(c, width));
      k_norm_ = attach("k_norm", make_norm(c, width));
    }
    proj_ = child<nn::Linear>("proj", c.embed_dim, c.embed_dim);
  }

  at::Tensor forward(const at::Tensor& x) const {  // [N, T, D]
    const auto width = x.size(-1);
    const auto qkv = qkv_->forward(x).unflatten(-1, {3, width}).unbind(2);  // three of [N, T, D]
    const auto full = [&](const at::Tensor& t, const std::shared_ptr<nn::Norm>& norm) {
      return qk_norm_ == QkNorm::kFull ? norm->forward(t) : t;
    };
    const auto per_head = [&](const at::Tensor& t, const std::shared_ptr<nn::Norm>& norm) {
      return qk_norm_ == QkNorm::kHead ? norm->forward(t) : t;
    };
    const auto q = per_head(nn::split_heads(full(qkv[0], q_norm_), heads_), q_norm_);  // [N, heads, T, D / heads]
    const auto k = per_head(nn::split_heads(full(qkv[1], k_norm_), heads_), k_norm_);
    const auto v = nn::split_heads(qkv[2], heads_);
    return proj_->forward(nn::merge_heads(nn::attention(q, k, v)));
  }

 private:
  std::int64_t heads_;
  QkNorm qk_norm_;
  std::shared_ptr<nn::Linear> qkv_;
  std::shared_ptr<nn::Norm> q_norm_;
  std::shared_ptr<nn::Norm> k_norm_;
  std::shared_ptr<nn::Linear> proj_;
};

class Mlp : public nn::Module {
 public:
  explicit Mlp(const VitConfig& c)
      : activation_(c.act == "swiglu" ? nn::swiglu : nn::activation(c.act)),
        fc1_(child<nn::Linear>("fc1", c.embed_dim, c.mlp_hidden)),
        fc2_(child<nn::Linear>("fc2", c.act == "swiglu" ? c.mlp_hidden / 2 : c.mlp_hidden, c.embed_dim)) {}

  at::Tensor forward(const at::Tensor& x) const { return fc2_->forward(activation_(fc1_->forward(x))); }

 private:
  nn::Activation activation_;
  std::shared_ptr<nn::Linear> fc1_;
  std::shared_ptr<nn::Linear> fc2_;
};

}  // namespace vit

class Vit::Block : public nn::Module {
 public:
  explicit Block(const VitConfig& c)
      : norm1_(attach("norm1", vit::make_norm(c, c.embed_dim))),
        attn_(child<vit::Attention>("attn", c)),
        norm2_(attach("norm2", vit::make_norm(c, c.embed_dim))),
        mlp_(child<vit::Mlp>("mlp", c)) {
    if (!c.layer_scale) return;
    ls1_ = declare("ls1.gamma", {c.embed_dim}, nn::Init::ones());
    ls2_ = declare("ls2.gamma", {c.embed_dim}, nn::Init::ones());
  }

  at::Tensor forward(const at::Tensor& x) const {  // [N, T, D]
    const auto y = x + scaled(attn_->forward(norm1_->forward(x)), ls1_);
    return y + scaled(mlp_->forward(norm2_->forward(y)), ls2_);
  }

 private:
  static at::Tensor scaled(const at::Tensor& x, const at::Tensor& gamma) {
    return gamma.defined() ? x * gamma.to(x.scalar_type()) : x;
  }

  std::shared_ptr<nn::Norm> norm1_;
  std::shared_ptr<vit::Attention> attn_;
  std::shared_ptr<nn::Norm> norm2_;
  std::shared_ptr<vit::Mlp> mlp_;
  at::Tensor ls1_;
  at::Tensor ls2_;
};

Vit::Vit(const VitConfig& c) : config_(c) {
  const auto token = nn::Init::normal(0.02);
  if (c.class_token) cls_token_ = declare("cls_token", {1, 1, c.embed_dim}, token);
  if (c.dist_token) dist_token_ = declare("dist_token", {1, 1, c.embed_dim}, token);
  if (c.reg_tokens > 0) reg_token_ = declare("reg_token", {1, c.reg_tokens, c.embed_dim}, token);
  const auto [rows, columns] = c.grid();
  const auto positions = rows * columns + (c.no_embed_class ? 0 : c.prefix_tokens());
  pos_embed_ = declare("pos_embed", {1, positions, c.embed_dim}, token);
  patch_embed_ = attach("patch_embed.proj", nn::Conv2d::patches(c.in_chans, c.embed_dim, c.patch_size, !c.pre_norm));
  if (c.pre_norm) norm_pre_ = attach("norm_pre", vit::make_norm(c, c.embed_dim));
  blocks_ = child<nn::Stack<Block>>("blocks");
  for (std::int64_t i = 0; i < c.depth; ++i) blocks_->add(c);
  if (c.final_norm && !c.fc_norm) norm_ = attach("norm", vit::make_norm(c, c.embed_dim));
  if (c.final_norm && c.fc_norm) fc_norm_ = attach("fc_norm", vit::make_norm(c, c.embed_dim));
  if (c.num_classes > 0) head_ = child<nn::Linear>("head", c.embed_dim, c.num_classes);
  if (c.num_classes > 0 && c.dist_token) head_dist_ = child<nn::Linear>("head_dist", c.embed_dim, c.num_classes);
}

Vit::~Vit() = default;

at::Tensor Vit::embed(const at::Tensor& images) const {
  const auto patches = patch_embed_->forward(images.to(patch_embed_->weight.scalar_type())).flatten(2).transpose(1, 2);
  const auto as_token = [&](const at::Tensor& token) {
    return token.to(patches.scalar_type()).expand({patches.size(0), -1, -1});
  };
  const auto positions = pos_embed_.to(patches.scalar_type());
  std::vector<at::Tensor> sequence;
  for (const auto* const token : {&cls_token_, &dist_token_, &reg_token_}) {
    if (token->defined()) sequence.push_back(as_token(*token));
  }
  sequence.push_back(config_.no_embed_class ? patches + positions : patches);
  const auto tokens = sequence.size() == 1 ? sequence.front() : at::cat(sequence, 1);  // [N, T, D]
  return config_.no_embed_class ? tokens : tokens + positions;
}

at::Tensor Vit::pool(const at::Tensor& tokens) const {
  if (config_.dist_token) return tokens.narrow(1, 0, 2).mean(1);  // of the class and the distillation token
  if (!config_.average) return tokens.select(1, 0);
  const auto prefix = config_.prefix_tokens();
  return tokens.narrow(1, prefix, tokens.size(1) - prefix).mean(1);
}

Vit::Output Vit::forward_all(const at::Tensor& images) const {
  auto x = embed(images);
  if (norm_pre_) x = norm_pre_->forward(x);
  for (const auto& block : *blocks_) x = block->forward(x);
  if (norm_) x = norm_->forward(x);

  Output out{x, pool(x), {}};
  if (fc_norm_) out.features = fc_norm_->forward(out.features);
  if (head_ && head_dist_) {
    out.logits = (head_->forward(x.select(1, 0)) + head_dist_->forward(x.select(1, 1))) / 2;
  } else if (head_) {
    out.logits = head_->forward(out.features);
  }
  return out;
}

at::Tensor Vit::forward(const at::Tensor& images) const {
  auto out = forward_all(images);
  return out.logits.defined() ? out.logits : out.features;
}

}  // namespace tenon::models
