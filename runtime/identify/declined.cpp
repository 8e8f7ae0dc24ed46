// Parts that are recognised and not built: what their tables read off them.
#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <tenon/derive.h>

#include "runtime/identify/part_config.h"
#include "runtime/identify/reads.h"
#include "runtime/identify/updates.h"
#include "runtime/identify/variants.h"
#include "runtime/value/general_finding.h"

namespace tenon {
namespace {

// Each rule that holds says what no rule before it has said.
void apply_rules(const std::vector<BaseRule>& rules, const Reads& reads, Part& part) {
  for (const BaseRule& rule : rules) {
    const auto found = reads.find(rule.read);
    if (found == reads.end() || found->second.is_null()) continue;
    if (rule.is ? !(found->second == *rule.is) : found->second == Value(false)) continue;
    if (part.base.empty()) part.base = rule.base;
    if (part.variant.empty()) part.variant = rule.variant;
    for (const auto& [key, value] : rule.gives) {
      if (!part.config.has(key)) part.config.set(key, value, ConfigOrigin::kShapes);
    }
  }
}

// What the caller or a config says otherwise than the shapes of the piece do.
void contradict(const FamilyTable& family, const Config& requested, Part& part) {
  const Reads none;
  const std::vector<Variant> variants = variants_of(family);
  const DeriveInput input{none, requested, part.layout, variants, part.prefix, false};
  ConfigBuilder builder(family.name, input);
  for (const Config::Item& item : part.config.items()) builder.from_shapes(item.key, item.value);
  for (Finding& finding : builder.result().findings) part.findings.push_back(std::move(finding));
}

Finding piece_finding(const Part& part) {
  const auto count = part.tensors.size();
  return general_finding("TN-PIECE", FindingKind::kIdentity, Severity::kError,
                         fmt::format("the file holds {} {} of {}{}{} and not a whole model", count, count == 1 ? "tensor" : "tensors",
                                     part.family, part.variant.empty() ? "" : "/", part.variant),
                         "Get the whole file; `tenon ls` lists what is there.");
}

}  // namespace

Result<void> describe_piece(const Checkpoint& checkpoint, const PartDraft& draft, const FamilyTable& family, const IdentifyRequest& request, Part& part) {
  const auto requested = gather_requested(checkpoint, draft, family, request, variants_of(family), part.findings);
  if (!requested) return tl::unexpected(requested.error());
  choose_variant(family, part);
  explain_variant(family, request.family == family.name ? request.variant : std::string(), part);
  contradict(family, *requested, part);
  note_defaults(family, *requested, part);
  part.findings.push_back(piece_finding(part));
  return {};
}

void describe_declined(const Checkpoint& checkpoint, const Tables& tables, const PartDraft& draft, const IdentifyRequest& request, Part& part) {
  const Candidate& candidate = draft.candidate;
  part.declined = fmt::format("{}: {}{}{}", candidate.family->said(), candidate.family->because,
                              candidate.family->instead.empty() ? "" : "; ", candidate.family->instead);
  std::vector<NamedType> names;
  for (const std::uint32_t t : candidate.tensors) {
    const TensorEntry& entry = checkpoint.tensors[t];
    names.push_back({std::string_view(entry.name).substr(candidate.prefix.size()), entry.dtype, &entry.shape});
  }
  const SegmentSets sets = select_sets(*candidate.family);
  const Variables variables = form_variables(*candidate.layout, tables.choice(candidate.ref));
  const Reads reads = Reader(names, sets, variables).read(candidate.layout->reads);
  for (const ReadRule& rule : candidate.layout->reads) {
    const Value& value = reads.find(rule.name)->second;
    if (!value.is_null()) part.config.set(rule.name, value, ConfigOrigin::kShapes);
  }
  apply_rules(candidate.layout->bases, reads, part);
  part.updates = read_updates(checkpoint, candidate.tensors, candidate.prefix, candidate.layout->updates);
  if (candidate.family->variants.lines.empty()) return;
  choose_variant(*candidate.family, part);
  explain_variant(*candidate.family, request.family == candidate.family->name ? request.variant : std::string(), part);
}

}  // namespace tenon
