#include <tenon/models/unet/unet.h>

#include <algorithm>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/IListRef.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

namespace tenon::models {
namespace {

using unet::Label;
using unet::TimeEmbedding;

constexpr nn::ConvOptions kSame{.padding = 1};

TimeEmbedding::Options label_network(const unet::Structure& s) {
  return {.inputs = s.label_width,
          .hidden = s.embedding_width(),
          .outputs = s.embedding_width(),
          .act = nn::activation(s.act)};
}

/// The parts of a forward that only a video model has.
void add_clip_conditioning(const UnetInputs& inputs, unet::Conditioning& conditioning) {
  const auto clips = inputs.sample.size(0);
  const auto frames = inputs.sample.size(1);
  conditioning.frames = frames;
  conditioning.time_context = conditioning.context;
  conditioning.embedding = conditioning.embedding.repeat_interleave(frames, 0);
  conditioning.context = conditioning.context.repeat_interleave(frames, 0);
  if (conditioning.adapter_tokens.defined()) {
    conditioning.adapter_tokens = conditioning.adapter_tokens.repeat_interleave(frames, 0);
  }
  conditioning.image_only_indicator =
      inputs.image_only_indicator.defined()
          ? inputs.image_only_indicator
          : at::zeros({clips, frames}, inputs.sample.options().dtype(at::kBool));
}

}  // namespace

Unet::Unet(unet::Structure structure)
    : structure_(std::move(structure)),
      act_(nn::activation(structure_.act)) {
  const auto& s = structure_;
  const auto width = s.levels.front().width;
  conv_in_ = child<nn::Conv2d>("conv_in", s.in_channels, width, 3, kSame);
  time_embedding_ = child<TimeEmbedding>("time_embedding",
                                         TimeEmbedding::Options{.inputs = width,
                                                                .hidden = s.embedding_width(),
                                                                .outputs = s.embedding_width(),
                                                                .condition = s.time_cond_width,
                                                                .act = act_});
  if (s.label == Label::kAdded) {
    add_embedding_ = child<TimeEmbedding>("add_embedding", label_network(s));
  } else if (s.label == Label::kClassProjection) {
    class_embedding_ = child<TimeEmbedding>("class_embedding", label_network(s));
  } else if (s.label == Label::kClassEmbedding) {
    class_table_ = child<nn::Embedding>("class_embedding", s.label_width, s.embedding_width());
  }
  const auto levels = s.levels.size();
  down_blocks_ = child<nn::Stack<unet::DownBlock>>("down_blocks");
  for (std::size_t i = 0; i < levels; ++i) down_blocks_->add<unet::DownBlock>(s, i);
  up_blocks_ = child<nn::Stack<unet::UpBlock>>("up_blocks");
  for (std::size_t i = 0; i < levels; ++i) up_blocks_->add<unet::UpBlock>(s, levels - 1 - i);
  if (s.mid != unet::Mid::kNone) mid_block_ = child<unet::MidBlock>("mid_block", s);
  conv_norm_out_ = child<nn::GroupNorm>("conv_norm_out", s.groups, width, s.video ? 1e-5 : s.norm_eps);
  conv_out_ = child<nn::Conv2d>("conv_out", width, s.out_channels, 3, kSame);
}

at::Tensor Unet::forward(const UnetInputs& inputs) const {
  unet::Conditioning conditioning;
  conditioning.embedding = embed_time(inputs);
  conditioning.context = inputs.encoder_hidden_states;
  conditioning.adapter_tokens = inputs.ip_tokens;
  conditioning.adapter_scale = inputs.ip_scale;
  if (structure_.video) add_clip_conditioning(inputs, conditioning);

  auto x = structure_.video ? inputs.sample.flatten(0, 1) : inputs.sample;
  if (structure_.center_input_sample) x = 2 * x - 1;
  x = conv_in_->forward(x);
  unet::Skips skips{x};
  for (const auto& block : *down_blocks_) x = block->forward(x, conditioning, skips);
  if (mid_block_) x = mid_block_->forward(x, conditioning);
  for (const auto& block : *up_blocks_) x = block->forward(x, conditioning, skips);
  x = conv_out_->forward(act_(conv_norm_out_->forward(x)));
  return structure_.video ? x.unflatten(0, {-1, inputs.sample.size(1)}) : x;
}

at::Tensor Unet::embed_time(const UnetInputs& inputs) const {
  const auto& s = structure_;
  const auto dtype = inputs.sample.scalar_type();
  const auto time = nn::timestep_embedding(inputs.timestep,
                                           s.levels.front().width,
                                           s.flip_sin_to_cos,
                                           s.freq_shift);
  const auto embedding = time_embedding_->forward(time.to(dtype), inputs.timestep_cond);
  return s.label == Label::kNone ? embedding : embedding + embed_label(inputs, dtype);
}

at::Tensor Unet::embed_label(const UnetInputs& inputs, at::ScalarType dtype) const {
  const auto& s = structure_;
  if (class_table_) return class_table_->forward(inputs.class_labels).to(dtype);
  if (class_embedding_) return class_embedding_->forward(inputs.class_labels.to(dtype));
  const auto& ids = s.video ? inputs.added_time_ids : inputs.time_ids;
  const auto embedded = nn::timestep_embedding(ids.flatten(),
                                               s.addition_time_width,
                                               s.video || s.flip_sin_to_cos,
                                               s.video ? 0 : s.freq_shift)
                            .reshape({ids.size(0), -1})
                            .to(dtype);
  return add_embedding_->forward(s.video ? embedded : at::cat({inputs.text_embeds, embedded}, -1));
}

namespace {

/// Calls visit(name, block) for the spatial transformer blocks of one stage.
template <class Visit>
void each_block(const std::string& stage, const unet::Stage& module, const Visit& visit) {
  const auto transformers = module.transformers();
  for (std::size_t i = 0; i < transformers.size(); ++i) {
    const auto& blocks = transformers[i]->spatial_blocks();
    for (std::size_t k = 0; k < blocks.size(); ++k) {
      visit(stage + ".attentions." + std::to_string(i) + ".transformer_blocks." + std::to_string(k),
            *blocks[k]);
    }
  }
}

}  // namespace

std::vector<Unet::NamedAttention> Unet::attentions() const {
  std::vector<NamedAttention> found;
  const auto visit = [&](const std::string& name, const unet::TransformerBlock& block) {
    found.push_back({name + ".attn1", block.attn1});
    found.push_back({name + ".attn2", block.attn2});
  };
  for (std::size_t i = 0; i < down_blocks_->size(); ++i) {
    each_block("down_blocks." + std::to_string(i), *(*down_blocks_)[i], visit);
  }
  for (std::size_t i = 0; i < up_blocks_->size(); ++i) {
    each_block("up_blocks." + std::to_string(i), *(*up_blocks_)[i], visit);
  }
  if (mid_block_) each_block("mid_block", *mid_block_, visit);
  return found;
}

bool Unet::has_adapter() const {
  const auto all = attentions();
  return std::any_of(all.begin(), all.end(), [](const NamedAttention& item) { return item.attention->has_adapter(); });
}

}  // namespace tenon::models
