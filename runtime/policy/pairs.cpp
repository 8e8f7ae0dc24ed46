#include "runtime/policy/pairs.h"

#include <fmt/format.h>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/io/text.h"
#include "runtime/policy/findings.h"
#include "runtime/policy/module_pairs.h"
#include "runtime/value/general_finding.h"

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
  std::string_view partner_has = "";  // only for partners with this key: it tells two kinds apart
};

constexpr WidthRule kWidths[] = {
    {"vae", "", "", "out_channels", "latent_channels"},
    {"base", "", "", "latent_channels", "out_channels"},
    {"base", "", "", "in_channels", "in_channels"},
    {"base", "", "", "cross_attention_dim", "cross_attention_dim"},
    {"adapter", "", "", "cross_attention_dim", "cross_attention_dim"},
    {"controlnet", "", "", "cross_attention_dim", "cross_attention_dim"},
    {"lora", "", "", "cross_attention_dim", "cross_attention_dim"},
    {"image_encoder", "projection", "linear", "embeddings_dim", "embed_dim", "vision_cfg.width"},
    {"image_encoder", "projection", "resampler", "embeddings_dim", "vision_cfg.width"},
    {"image_encoder", "projection", "mlp", "embeddings_dim", "vision_cfg.width"},
    {"image_encoder", "projection", "face_plus", "embeddings_dim", "vision_cfg.width"},
    {"image_encoder", "projection", "linear", "embeddings_dim", "embed_dim", "img_size"},
    {"image_encoder", "projection", "resampler", "embeddings_dim", "embed_dim", "img_size"},
    {"image_encoder", "projection", "mlp", "embeddings_dim", "embed_dim", "img_size"},
    {"image_encoder", "projection", "face_plus", "embeddings_dim", "embed_dim", "img_size"},
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

/// Numbers that people know bases by.
constexpr std::string_view kTold[] = {"cross_attention_dim", "context"};

bool has_a_base(const Part& part) { return !base_of(part).empty() && base_of(part) != "custom"; }

/// What does not fit, and which partner would.
struct Misfit {
  std::string text;
  std::string needed;
};

/// A part that is made for one base beside another base. Image encoders are made for none.
std::optional<Misfit> other_base(const Part& part, const CheckRequest::Partner& partner) {
  const Part& other = *partner.part;
  if (partner.role == "image_encoder" || (part.base.empty() && other.base.empty()))
    return std::nullopt;
  if (!has_a_base(part) || !has_a_base(other) || base_of(part) == base_of(other))
    return std::nullopt;
  const auto side = [](const Part& which) {
    std::string text = which.base.empty()
                           ? fmt::format("is {}", name_of(which))
                           : fmt::format("is {} for {}", name_of(which), io::escape(which.base));
    for (const std::string_view key : kTold) {
      if (const std::int64_t value = which.config.int_or(key, 0); value != 0)
        text += fmt::format(" ({} {})", key, value);
    }
    return text;
  };
  return Misfit{fmt::format("this file {}; --with {}={} {}", side(part), partner.role,
                            io::escape(partner.path, 160), side(other)),
                fmt::format("a {} {} {}", partner.role, other.base.empty() ? "that is" : "for",
                            io::escape(base_of(part)))};
}

/// Released names of the partner's family that have this value.
std::string such_as(const CheckRequest::Partner& partner, std::string_view key, std::int64_t value) {
  constexpr std::size_t kNamed = 3;
  std::vector<std::string> names;
  for (const Variant& variant : partner.variants) {
    if (variant.match.int_or(key, 0) == value && names.size() < kNamed)
      names.push_back(fmt::format("{}/{}", partner.part->family, variant.name));
  }
  return names.empty() ? std::string() : fmt::format(", such as {}", fmt::join(names, ", "));
}

std::optional<Misfit> other_width(const Part& part, const CheckRequest::Partner& partner) {
  const Part& other = *partner.part;
  const WidthRule* unanswered = nullptr;
  bool answered = false;
  for (const WidthRule& rule : kWidths) {
    if (rule.role != partner.role) continue;
    if (!rule.when_key.empty() && part.config.string_or(rule.when_key, "") != rule.when_value)
      continue;
    const std::int64_t own = part.config.int_or(rule.own_key, 0);
    if (own == 0) continue;
    const bool applies = rule.partner_has.empty() || other.config.has(rule.partner_has);
    const std::int64_t theirs = applies ? other.config.int_or(rule.partner_key, 0) : 0;
    if (theirs == 0) {
      if (unanswered == nullptr) unanswered = &rule;
      continue;
    }
    answered = true;
    if (own == theirs) continue;
    return Misfit{
        fmt::format("this file is {} with {} {}; --with {}={} is {} with {} {}", name_of(part),
                    rule.own_key, own, partner.role, io::escape(partner.path, 160), name_of(other),
                    rule.partner_key, theirs),
        fmt::format("a {} with {} {}{}", partner.role, rule.partner_key, own,
                    such_as(partner, rule.partner_key, own))};
  }
  if (answered || unanswered == nullptr || partner.role != "image_encoder") return std::nullopt;
  const std::int64_t own = part.config.int_or(unanswered->own_key, 0);
  return Misfit{fmt::format("this file is {}; --with {}={} is {} and has no {}: it encodes no images",
                            name_of(part), partner.role, io::escape(partner.path, 160),
                            name_of(other), unanswered->partner_key),
                fmt::format("an image encoder with {} {}", unanswered->partner_key, own)};
}

/// Where one side says which modules of the other it changes or joins: whether they are there.
std::vector<Finding> changed_modules(const Part& part, const CheckRequest::Partner& partner,
                                     const CheckRequest& request) {
  const std::string given =
      fmt::format("--with {}={}", partner.role, io::escape(partner.path, 160));
  const std::string own = fmt::format("this {}", name_of(part));
  const std::string theirs = fmt::format("the {} of {}", name_of(*partner.part), given);
  if (!partner.part->updates.empty() && !request.names.empty())
    return module_findings(*partner.part, theirs, part, own, request.names);
  if (!part.updates.empty() && !partner.names.empty())
    return module_findings(part, own, *partner.part, theirs, partner.names);
  return {};
}

}  // namespace

std::vector<Finding> pair_findings(const Part& part, const CheckRequest& request) {
  std::vector<Finding> findings;
  for (const CheckRequest::Partner& partner : request.with) {
    if (partner.part == nullptr) continue;
    if (partner.part->family.empty()) {
      findings.push_back(general_finding(
          "TN-PAIR-UNKNOWN", FindingKind::kPair, Severity::kWarning,
          fmt::format("--with {}={}: nothing is known of that file, so nothing can be said of the pair",
                      partner.role, io::escape(partner.path, 160)),
          "tenon explain TN-PAIR-UNKNOWN"));
      continue;
    }
    auto misfit = other_base(part, partner);
    if (!misfit) misfit = other_width(part, partner);
    if (misfit) {
      findings.push_back(general_finding("TN-PAIR", FindingKind::kPair, Severity::kError,
                                         std::move(misfit->text), "needed: " + misfit->needed));
    }
    for (Finding& finding : changed_modules(part, partner, request))
      findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace tenon
