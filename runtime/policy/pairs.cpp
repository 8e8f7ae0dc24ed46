#include "runtime/policy/pairs.h"

#include <fmt/format.h>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/io/text.h"
#include "runtime/policy/findings.h"

namespace tenon {
namespace {

/// Two config values that must be equal for a partner of this role. With `when`, only where the key
/// of that side has that value: a projector reads either the pooled embedding or the hidden states
/// of an image encoder.
struct WidthRule {
  std::string_view role;
  std::string_view when_key;
  std::string_view when_value;
  std::string_view own_key;
  std::string_view partner_key;
};

constexpr WidthRule kWidths[] = {
    {"base", "", "", "cross_attention_dim", "cross_attention_dim"},
    {"adapter", "", "", "cross_attention_dim", "cross_attention_dim"},
    {"controlnet", "", "", "cross_attention_dim", "cross_attention_dim"},
    {"lora", "", "", "cross_attention_dim", "cross_attention_dim"},
    {"image_encoder", "projection", "linear", "embeddings_dim", "embed_dim"},
    {"image_encoder", "projection", "resampler", "embeddings_dim", "vision_cfg.width"},
    {"image_encoder", "projection", "mlp", "embeddings_dim", "vision_cfg.width"},
    {"image_encoder", "projection", "face_plus", "embeddings_dim", "vision_cfg.width"},
};

std::string name_of(const Part& part) {
  return part.variant.empty()
             ? io::escape(part.family)
             : fmt::format("{}/{}", io::escape(part.family), io::escape(part.variant));
}

/// What a part is made for or is itself: "sdxl".
const std::string& base_of(const Part& part) {
  return part.base.empty() ? part.variant : part.base;
}

bool has_a_base(const Part& part) { return !base_of(part).empty() && base_of(part) != "custom"; }

/// A part that is made for one base beside another base. Image encoders are made for none.
std::optional<std::string> other_base(const Part& part, const CheckRequest::Partner& partner) {
  const Part& other = *partner.part;
  if (partner.role == "image_encoder" || (part.base.empty() && other.base.empty()))
    return std::nullopt;
  if (!has_a_base(part) || !has_a_base(other) || base_of(part) == base_of(other))
    return std::nullopt;
  const auto side = [](const Part& which) {
    return which.base.empty() ? fmt::format("is {}", name_of(which))
                              : fmt::format("is {} for {}", name_of(which), io::escape(which.base));
  };
  return fmt::format("this file {}; --with {}={} {}", side(part), partner.role,
                     io::escape(partner.path, 160), side(other));
}

std::optional<std::string> other_width(const Part& part, const CheckRequest::Partner& partner) {
  const Part& other = *partner.part;
  for (const WidthRule& rule : kWidths) {
    if (rule.role != partner.role) continue;
    if (!rule.when_key.empty() && part.config.string_or(rule.when_key, "") != rule.when_value)
      continue;
    const std::int64_t own = part.config.int_or(rule.own_key, 0);
    const std::int64_t theirs = other.config.int_or(rule.partner_key, 0);
    if (own == 0 || theirs == 0 || own == theirs) continue;
    return fmt::format("this file is {} with {} {}; --with {}={} is {} with {} {}", name_of(part),
                       rule.own_key, own, partner.role, io::escape(partner.path, 160),
                       name_of(other), rule.partner_key, theirs);
  }
  return std::nullopt;
}

}  // namespace

std::vector<Finding> pair_findings(const Part& part, const CheckRequest& request) {
  std::vector<Finding> findings;
  for (const CheckRequest::Partner& partner : request.with) {
    if (partner.part == nullptr) continue;
    auto message = other_base(part, partner);
    if (!message) message = other_width(part, partner);
    if (!message) continue;
    Finding finding = general_finding("TN-PAIR", FindingKind::kPair, Severity::kError,
                                      std::move(*message), "tenon explain TN-PAIR");
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace tenon
