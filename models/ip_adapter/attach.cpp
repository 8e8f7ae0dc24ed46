#include <tenon/models/ip_adapter/attach.h>

#include <string>
#include <utility>
#include <vector>

#include <tenon/nn/functional.h>

namespace tenon::models {
namespace {

using Projection = unet::AttentionAdapter::Projection;

/// One attention's share of the adapter; keeps the adapter alive.
class Attached : public unet::AttentionAdapter {
 public:
  Attached(std::shared_ptr<const IpAdapter> adapter, std::shared_ptr<IpAttention> attention)
      : adapter_(std::move(adapter)), attention_(std::move(attention)) {}

  at::Tensor project(Projection projection, const at::Tensor& x) const override {
    if (!adapter_->config().apply_lora) return {};
    const std::shared_ptr<IpLora>& lora = lora_of(projection);
    return lora ? lora->forward(x) : at::Tensor();
  }

  at::Tensor attend(const at::Tensor& query, std::int64_t heads, const unet::Conditioning& conditioning) const override {
    if (!attention_->to_k_ip || !conditioning.adapter_tokens.defined()) return {};
    const at::Tensor& tokens = conditioning.adapter_tokens;
    const at::Tensor mixed = nn::multi_head_attention(
        query, attention_->to_k_ip->forward(tokens), attention_->to_v_ip->forward(tokens), heads);
    return mixed * conditioning.adapter_scale;
  }

 private:
  [[nodiscard]] const std::shared_ptr<IpLora>& lora_of(Projection projection) const {
    switch (projection) {
      case Projection::kQuery:
        return attention_->to_q_lora;
      case Projection::kKey:
        return attention_->to_k_lora;
      case Projection::kValue:
        return attention_->to_v_lora;
      case Projection::kOut:
        break;
    }
    return attention_->to_out_lora;
  }

  std::shared_ptr<const IpAdapter> adapter_;
  std::shared_ptr<IpAttention> attention_;
};

Failure misfit(const std::string& found, const std::string& required) {
  return fail(ErrorKind::kUsage,
              "TN-PAIR-ATTACH",
              "adapter: " + found + "; " + required + " [TN-PAIR-ATTACH]",
              "Use an adapter that was made for this UNet.");
}

std::string shape_text(const at::Tensor& weight) {
  return "[" + std::to_string(weight.size(0)) + ", " + std::to_string(weight.size(1)) + "]";
}

Result<void> check_fit(const IpAdapter& adapter, const std::vector<Unet::NamedAttention>& attentions) {
  const std::size_t cross = attentions.size() / 2;
  if (adapter.config().attentions.size() != cross) {
    return misfit("it has " + std::to_string(adapter.config().attentions.size()) + " cross-attentions",
                  "this UNet has " + std::to_string(cross));
  }
  for (const auto& [number, tensors] : adapter.attentions()) {
    if (number < 0 || static_cast<std::size_t>(number) >= attentions.size()) {
      return misfit("attention " + std::to_string(number), "this UNet has " + std::to_string(attentions.size()));
    }
    const auto& [name, attention] = attentions[static_cast<std::size_t>(number)];
    if (!tensors->to_k_ip) continue;
    const at::Tensor& key = tensors->to_k_ip->weight;
    if (key.size(0) != attention->width() || key.size(1) != attention->context_width()) {
      return misfit("ip_adapter." + std::to_string(number) + ".to_k_ip.weight is " + shape_text(key),
                    name + " needs [" + std::to_string(attention->width()) + ", " +
                        std::to_string(attention->context_width()) + "]");
    }
  }
  return {};
}

std::string joined(const IpAdapterConfig& config) {
  auto text = std::to_string(config.attentions.size()) + " cross-attentions";
  if (config.lora_rank == 0) return text;
  const auto rank = std::to_string(config.lora_rank);
  return text + (config.apply_lora ? ", with its LoRA of rank " : ", without its LoRA of rank ") + rank;
}

}  // namespace

Result<std::string> attach(const std::shared_ptr<const IpAdapter>& adapter, Unet& unet) {
  const auto attentions = unet.attentions();
  if (auto fits = check_fit(*adapter, attentions); !fits) return tl::unexpected(fits.error());
  for (const auto& [number, tensors] : adapter->attentions()) {
    attentions[static_cast<std::size_t>(number)].attention->set_adapter(std::make_shared<Attached>(adapter, tensors));
  }
  return joined(adapter->config());
}

std::shared_ptr<const unet::AttentionAdapter> share_of(const std::shared_ptr<const IpAdapter>& adapter, std::int64_t number) {
  return std::make_shared<Attached>(adapter, adapter->attentions().at(number));
}

}  // namespace tenon::models
