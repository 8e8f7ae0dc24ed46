// The base of every module that tenon builds: it registers placeholders, which need neither memory nor random numbers.
//
// How a family's module is written: members are the children, each name is written once, and forward uses the same members,
// so the list of expected tensors (spec_of) cannot drift from the computation.
//
//   struct Mlp : nn::Module {
//     Mlp(std::int64_t width, std::int64_t hidden)
//         : fc1(child<nn::Linear>("fc1", width, hidden)), fc2(child<nn::Linear>("fc2", hidden, width)) {}
//     at::Tensor forward(const at::Tensor& x) const { return fc2->forward(at::gelu(fc1->forward(x))); }
//     std::shared_ptr<nn::Linear> fc1, fc2;
//   };
//
//   struct Encoder : nn::Module {
//     explicit Encoder(const EncoderConfig& c)
//         : pos_embed(declare("pos_embed", {1, c.tokens, c.width}, nn::Init::normal(0.02))),
//           blocks(child<nn::Stack<Mlp>>("blocks")),
//           norm(c.final_norm ? child<nn::LayerNorm>("norm", c.width, nn::NormOptions{.eps = c.eps}) : nullptr) {
//       for (std::int64_t i = 0; i < c.depth; ++i) blocks->add<Mlp>(c.width, c.hidden);  // blocks.0, blocks.1, ...
//     }
//     at::Tensor pos_embed;
//     std::shared_ptr<nn::Stack<Mlp>> blocks;
//     std::shared_ptr<nn::LayerNorm> norm;  // null: this model has none
//   };
//
// A dotted name makes the levels in between: child<nn::Linear>("net.0.proj", ...), declare("attn.in_proj_weight", ...).
// What forward can compute (masks, position ids, frequencies) is never registered.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <tenon/nn/init.h>

namespace tenon::nn {

/// A tensor of this shape and dtype without memory of its own: one element, expanded. It can be bound later by set_data,
/// which a meta tensor cannot. Each placeholder has its own element and version counter.
[[nodiscard]] at::Tensor placeholder(at::IntArrayRef shape, at::ScalarType dtype = at::kFloat);

class Module : public torch::nn::Module {
 public:
  /// How parameter `name` of this module (not of a child) is filled when a policy asks for it; null when undeclared.
  [[nodiscard]] const Init* init_of(const std::string& name) const;

 protected:
  /// Registers a placeholder parameter. Keep what it returns: binding changes it in place.
  at::Tensor declare(const std::string& name,
                     at::IntArrayRef shape,
                     Init init = {},
                     at::ScalarType dtype = at::kFloat);
  at::Tensor declare(const std::string& name,
                     std::initializer_list<std::int64_t> shape,
                     Init init = {},
                     at::ScalarType dtype = at::kFloat) {
    return declare(name, at::IntArrayRef(shape), init, dtype);
  }
  /// As declare, for what is not trained (running statistics).
  at::Tensor declare_buffer(const std::string& name,
                            at::IntArrayRef shape,
                            Init init = {},
                            at::ScalarType dtype = at::kFloat);

  /// Makes a child and registers it.
  template <class M, class... Args>
  std::shared_ptr<M> child(const std::string& name, Args&&... args) {
    return attach(name, std::make_shared<M>(std::forward<Args>(args)...));
  }
  /// Registers a module under `name`; the same module under a second name is tied to the first.
  template <class M>
  std::shared_ptr<M> attach(const std::string& name, std::shared_ptr<M> module) {
    auto [owner, last] = level_of(name);
    return owner->register_module(last, std::move(module));
  }

 private:
  /// The module that owns the last segment of a dotted name; levels that do not exist yet are made.
  std::pair<Module*, std::string> level_of(const std::string& name);

  std::map<std::string, Init> inits_;
  std::map<std::string, std::shared_ptr<Module>> levels_;
};

/// Children named "0", "1", ...; M may be a base class of what is added.
template <class M>
class Stack : public Module {
 public:
  template <class Added = M, class... Args>
  std::shared_ptr<Added> add(Args&&... args) {
    auto module = child<Added>(std::to_string(items_.size()), std::forward<Args>(args)...);
    items_.push_back(module);
    return module;
  }
  /// Adds a module that exists already.
  std::shared_ptr<M> append(std::shared_ptr<M> module) {
    items_.push_back(attach(std::to_string(items_.size()), std::move(module)));
    return items_.back();
  }
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] const std::shared_ptr<M>& operator[](std::size_t i) const { return items_[i]; }
  [[nodiscard]] auto begin() const { return items_.begin(); }
  [[nodiscard]] auto end() const { return items_.end(); }

 private:
  std::vector<std::shared_ptr<M>> items_;
};

}  // namespace tenon::nn
