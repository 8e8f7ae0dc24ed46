#include "runtime/policy/pairs.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "runtime/io/text.h"
#include "runtime/policy/cross_attentions.h"
#include "runtime/policy/findings.h"
#include "runtime/policy/module_pairs.h"
#include "runtime/value/general_finding.h"

namespace tenon {
namespace {

/// One file of the verdict: the one that is checked, or a partner.
struct Member {
  std::string_view role;
  std::string label;  // "this file", "--with base=PATH"
  const Part* part;
};

/// A role: how to call what plays it, and the config keys that tell whether a model can.
struct Role {
  std::string_view name;
  std::string_view what;
  std::string_view has;
  std::string_view has_not = "";
};
constexpr Role kRoles[] = {
    {"base", "a base", "block_out_channels"},
    {"image_encoder", "an image encoder", "vision_cfg.width"},
    {"adapter", "an adapter", "cross_attention_dim", "block_out_channels"},
    {"vae", "an autoencoder", "latent_channels"},
    {"controlnet", "a controlnet", "context"},
    {"lora", "a low-rank update", "context"},
};

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
  std::string_view what = "";
};
constexpr std::string_view kPooled = "pooled image embeddings";
constexpr std::string_view kHidden = "hidden states";

constexpr WidthRule kWidths[] = {
    {"vae", "", "", "out_channels", "latent_channels"},
    {"base", "", "", "latent_channels", "out_channels"},
    {"base", "", "", "in_channels", "in_channels"},
    {"base", "", "", "cross_attention_dim", "cross_attention_dim"},
    {"adapter", "", "", "cross_attention_dim", "cross_attention_dim"},
    {"controlnet", "", "", "cross_attention_dim", "cross_attention_dim"},
    {"lora", "", "", "cross_attention_dim", "cross_attention_dim"},
    {"image_encoder", "projection", "linear", "embeddings_dim", "embed_dim", "vision_cfg.width", kPooled},
    {"image_encoder", "projection", "resampler", "embeddings_dim", "vision_cfg.width", "", kHidden},
    {"image_encoder", "projection", "mlp", "embeddings_dim", "vision_cfg.width", "", kHidden},
    {"image_encoder", "projection", "face_plus", "embeddings_dim", "vision_cfg.width", "", kHidden},
    {"image_encoder", "projection", "linear", "embeddings_dim", "embed_dim", "img_size", kPooled},
    {"image_encoder", "projection", "resampler", "embeddings_dim", "embed_dim", "img_size", kHidden},
    {"image_encoder", "projection", "mlp", "embeddings_dim", "embed_dim", "img_size", kHidden},
    {"image_encoder", "projection", "face_plus", "embeddings_dim", "embed_dim", "img_size", kHidden},
};

/// What does not fit, and which partner would.
struct Misfit {
  std::string text;
  std::string needed;
};

/// What one rule says of two files.
struct PairVerdict {
  bool compared = false;  // it held a value of the one against a value of the other
  std::optional<Misfit> misfit;
};

PairVerdict agree() { return {true, std::nullopt}; }
PairVerdict misfit(std::string text, std::string needed) { return {true, Misfit{std::move(text), std::move(needed)}}; }

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

const Role* role_named(std::string_view name) {
  const auto found = std::find_if(std::begin(kRoles), std::end(kRoles), [&](const Role& role) { return role.name == name; });
  return found == std::end(kRoles) ? nullptr : found;
}

bool can_play(const Role& role, const Config& config) {
  return config.has(role.has) && (role.has_not.empty() || !config.has(role.has_not));
}

/// The role of the file that is checked.
std::string_view role_of(const Part& part) {
  const auto found = std::find_if(std::begin(kRoles), std::end(kRoles), [&](const Role& role) { return can_play(role, part.config); });
  return found == std::end(kRoles) ? std::string_view() : found->name;
}

/// ", such as unet/sdxl": the first released variants that can play the role and of which `fits` holds.
template <class Fits>
std::string such_as(const CheckRequest& request, const Role& role, Fits fits) {
  constexpr std::size_t kNamed = 3;
  std::vector<std::string> names;
  for (const auto& [family, variants] : request.released) {
    for (const Variant& variant : variants) {
      if (names.size() < kNamed && can_play(role, variant.match) && fits(variant.match))
        names.push_back(fmt::format("{}/{}", family, variant.name));
    }
  }
  return names.empty() ? std::string() : fmt::format(", such as {}", fmt::join(names, ", "));
}

/// The published projectors read vision transformers, and no ResNet of the same width.
bool is_usual(const WidthRule& rule, const Config& config) {
  return rule.role != "image_encoder" || config.has("vision_cfg.patch_size") || config.has("patch_size");
}

/// "a base with cross_attention_dim 2048, such as unet/sdxl".
std::string needed(const CheckRequest& request, const WidthRule& rule, std::int64_t value) {
  Role role = *role_named(rule.role);
  if (!rule.partner_has.empty()) role.has = rule.partner_has;
  const auto fits = [&](const Config& config) { return config.int_or(rule.partner_key, 0) == value && is_usual(rule, config); };
  return fmt::format("{} with {} {}{}", role.what, rule.partner_key, value, such_as(request, role, fits));
}

/// The rules by which `a` judges a partner of this role.
std::vector<const WidthRule*> rules_for(const Member& a, std::string_view role) {
  std::vector<const WidthRule*> rules;
  for (const WidthRule& rule : kWidths) {
    if (rule.role != role || a.part->config.int_or(rule.own_key, 0) == 0) continue;
    if (rule.when_key.empty() || a.part->config.string_or(rule.when_key, "") == rule.when_value) rules.push_back(&rule);
  }
  return rules;
}

/// A model that cannot be what it was given as.
PairVerdict other_role(const Member& a, const Member& b, const CheckRequest& request) {
  const Role* role = role_named(b.role);
  if (role == nullptr || !b.part->buildable || can_play(*role, b.part->config)) return {};
  if (b.role == "image_encoder") return {};  // told by their widths
  const auto rules = rules_for(a, b.role);
  return misfit(fmt::format("{} is {}; {} is {} and no {}", a.label, name_of(*a.part), b.label, name_of(*b.part), b.role),
                rules.empty() ? std::string(role->what) : needed(request, *rules.front(), a.part->config.int_or(rules.front()->own_key, 0)));
}

/// A part that is made for one base beside another base. Image encoders are made for none.
PairVerdict other_base(const Member& a, const Member& b) {
  if (a.role == "image_encoder" || b.role == "image_encoder") return {};
  if (a.part->base.empty() && b.part->base.empty()) return {};
  if (!has_a_base(*a.part) || !has_a_base(*b.part)) return {};
  if (base_of(*a.part) == base_of(*b.part)) return agree();
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
  const Role* role = role_named(b.role);
  return misfit(fmt::format("{} {}; {} {}", a.label, side(*a.part), b.label, side(*b.part)),
                fmt::format("{} {} {}", role == nullptr ? "a partner" : role->what, b.part->base.empty() ? "that is" : "for",
                            io::escape(base_of(*a.part))));
}

/// A resampler over face embeddings reads no image encoder.
bool reads_faces(const Part& part) {
  constexpr std::int64_t kFaceWidth = 512;
  return part.config.string_or("projection", "") == "resampler" &&
         part.config.int_or("embeddings_dim", 0) == kFaceWidth;
}

PairVerdict other_width(const Member& a, const Member& b, const CheckRequest& request) {
  if (b.role == "image_encoder" && reads_faces(*a.part)) return {};
  const WidthRule* unanswered = nullptr;
  bool answered = false;
  for (const WidthRule* rule : rules_for(a, b.role)) {
    const std::int64_t own = a.part->config.int_or(rule->own_key, 0);
    const bool applies = rule->partner_has.empty() || b.part->config.has(rule->partner_has);
    const std::int64_t theirs = applies ? b.part->config.int_or(rule->partner_key, 0) : 0;
    if (theirs == 0) {
      if (unanswered == nullptr) unanswered = rule;
      continue;
    }
    answered = true;
    if (own == theirs) continue;
    const std::string what = rule->what.empty() ? "" : fmt::format(" ({})", rule->what);
    return misfit(fmt::format("{} is {} with {} {}{}; {} is {} with {} {}", a.label, name_of(*a.part), rule->own_key, own, what,
                              b.label, name_of(*b.part), rule->partner_key, theirs),
                  needed(request, *rule, own));
  }
  if (answered) return agree();
  if (unanswered == nullptr || b.role != "image_encoder") return {};
  return misfit(fmt::format("{} is {}; {} is {} and has no {}: it encodes no images", a.label, name_of(*a.part), b.label,
                            name_of(*b.part), unanswered->partner_key),
                needed(request, *unanswered, a.part->config.int_or(unanswered->own_key, 0)));
}

/// An adapter has one pair of projections for each cross-attention of its base, as wide as it.
PairVerdict other_attentions(const Member& a, const Member& b, const CheckRequest& request) {
  if (a.role != "adapter" || b.role != "base") return {};
  const auto own = listed_widths(a.part->config);
  const auto theirs = cross_attention_widths(b.part->config);
  if (own.empty() || theirs.empty()) return {};
  if (own == theirs) return agree();
  const std::string fits = such_as(request, *role_named("base"), [&](const Config& config) { return cross_attention_widths(config) == own; });
  if (own.size() != theirs.size()) {
    return misfit(fmt::format("{} is {} for {} cross-attentions; {} is {} with {}", a.label, name_of(*a.part), own.size(), b.label,
                              name_of(*b.part), theirs.size()),
                  fmt::format("a base with {} cross-attentions{}", own.size(), fits));
  }
  const auto at = static_cast<std::size_t>(std::mismatch(own.begin(), own.end(), theirs.begin()).first - own.begin());
  return misfit(fmt::format("{} is {} of width {} at its attention {}; {} is {} of width {} there", a.label, name_of(*a.part), own[at],
                            2 * at + 1, b.label, name_of(*b.part), theirs[at]),
                fmt::format("a base of width {} at that attention{}", own[at], fits));
}

/// The first thing that keeps the two apart, whichever of them it is said of.
PairVerdict judge(const Member& a, const Member& b, const CheckRequest& request) {
  bool compared = false;
  for (PairVerdict each : {other_role(a, b, request), other_base(a, b), other_width(a, b, request), other_attentions(a, b, request),
                           other_width(b, a, request), other_attentions(b, a, request)}) {
    if (each.misfit) return each;
    compared |= each.compared;
  }
  return {compared, std::nullopt};
}

/// What a fitting adapter gives its base, for whoever wires the two.
std::optional<std::string> what_joins(const Member& a, const Member& b) {
  const std::size_t attentions = listed_widths(a.part->config).size();
  if (a.role != "adapter" || b.role != "base" || attentions == 0) return std::nullopt;
  const std::int64_t tokens = a.part->config.int_or("num_tokens", 0);
  const std::string count = tokens > 0 ? fmt::format("{} image tokens", tokens) : "one image token for each hidden state";
  return fmt::format("{} and {} fit: {} of width {} for {} cross-attentions", a.label, b.label, count,
                     a.part->config.int_or("cross_attention_dim", 0), attentions);
}

/// Where one side says which modules of the other it changes or joins: whether they are there. An image encoder is read, not changed.
std::vector<Finding> changed_modules(const Part& part, const CheckRequest::Partner& partner, const std::string& label,
                                     const CheckRequest& request) {
  const std::string own = fmt::format("this {}", name_of(part));
  const std::string theirs = fmt::format("the {} of {}", name_of(*partner.part), label);
  if (partner.role == "image_encoder" || can_play(*role_named("image_encoder"), part.config)) return {};
  if (!partner.part->updates.empty() && !request.names.empty())
    return module_findings(*partner.part, theirs, part, own, request.names);
  if (!part.updates.empty() && !partner.names.empty())
    return module_findings(part, own, *partner.part, theirs, partner.names);
  return {};
}

Finding misfit_finding(Misfit misfit) {
  return general_finding("TN-PAIR", FindingKind::kPair, Severity::kError, std::move(misfit.text), "needed: " + misfit.needed);
}

Finding unknown_finding(std::string text) {
  return general_finding("TN-PAIR-UNKNOWN", FindingKind::kPair, Severity::kWarning, std::move(text), "tenon explain TN-PAIR-UNKNOWN");
}

std::string nothing_compared(const Member& a, const Member& b) {
  return fmt::format("{} is {}; {} is {}: no value of the one must agree with a value of the other, so nothing can be said of the pair",
                     a.label, name_of(*a.part), b.label, name_of(*b.part));
}

Finding fits_finding(std::string text) {
  return general_finding("TN-PAIR-FITS", FindingKind::kPair, Severity::kNote, std::move(text));
}

}  // namespace

std::vector<Finding> pair_findings(const Part& part, const CheckRequest& request) {
  std::vector<Finding> findings;
  std::vector<Member> members{{role_of(part), "this file", &part}};
  for (const CheckRequest::Partner& partner : request.with) {
    if (partner.part == nullptr) continue;
    const std::string label = fmt::format("--with {}={}", partner.role, io::escape(partner.path, 120));
    if (partner.part->family.empty()) {
      findings.push_back(unknown_finding(label + ": nothing is known of that file, so nothing can be said of the pair"));
      continue;
    }
    const Member other{partner.role, label, partner.part};
    auto modules = changed_modules(part, partner, label, request);
    const bool misses = std::any_of(modules.begin(), modules.end(), [](const Finding& f) { return f.severity == Severity::kError; });
    bool compared = !modules.empty();
    for (const Member& member : members) {
      PairVerdict verdict = judge(member, other, request);
      compared |= verdict.compared;
      if (verdict.misfit) {
        findings.push_back(misfit_finding(std::move(*verdict.misfit)));
      } else if (auto note = what_joins(member, other); !misses && (note || (note = what_joins(other, member)))) {
        findings.push_back(fits_finding(std::move(*note)));
      }
    }
    if (!compared) findings.push_back(unknown_finding(nothing_compared(members.front(), other)));
    for (Finding& finding : modules) findings.push_back(std::move(finding));
    members.push_back(other);
  }
  return findings;
}

}  // namespace tenon
