#include <tenon/models/unet/time_embedding.h>

#include <ATen/TensorOperators.h>

namespace tenon::models::unet {

TimeEmbedding::TimeEmbedding(const Options& options)
    : linear_1_(child<nn::Linear>("linear_1", options.inputs, options.hidden)),
      cond_proj_(options.condition > 0 ? child<nn::Linear>("cond_proj",
                                                           options.condition,
                                                           options.inputs,
                                                           /*with_bias=*/false)
                                       : nullptr),
      linear_2_(child<nn::Linear>("linear_2", options.hidden, options.outputs)),
      act_(options.act) {}

at::Tensor TimeEmbedding::forward(const at::Tensor& x, const at::Tensor& condition) const {
  const auto in = condition.defined() ? x + cond_proj_->forward(condition) : x;
  return linear_2_->forward(act_(linear_1_->forward(in)));
}

}  // namespace tenon::models::unet
