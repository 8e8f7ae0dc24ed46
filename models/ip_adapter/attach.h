// Joins an adapter to the attentions of a UNet by the numbering rule.
#pragma once

#include <memory>
#include <string>

#include <tenon/error.h>
#include <tenon/models/ip_adapter/ip_adapter.h>
#include <tenon/models/unet/unet.h>

namespace tenon::models {

/// Checks the number, the width and the context width of every attention before it changes any (kUsage, TN-PAIR-ATTACH); the
/// message names the first that does not fit. The adapter's LoRA joins too unless its config says `adapter_lora: ignore`.
/// Gives what joined, in words for the report.
[[nodiscard]] Result<std::string> attach(const std::shared_ptr<const IpAdapter>& adapter, Unet& unet);

/// What the adapter adds to the attention of this number, alone; the number is one of `adapter->attentions()`.
[[nodiscard]] std::shared_ptr<const unet::AttentionAdapter> share_of(const std::shared_ptr<const IpAdapter>& adapter,
                                                                     std::int64_t number);

}  // namespace tenon::models
