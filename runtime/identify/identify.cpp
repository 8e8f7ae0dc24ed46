#include <tenon/identify.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "runtime/identify/axes.h"
#include "runtime/identify/bound_layout.h"
#include "runtime/identify/bridge.h"
#include "runtime/identify/candidates.h"
#include "runtime/identify/contest.h"
#include "runtime/identify/inner_wrappers.h"
#include "runtime/identify/marks.h"
#include "runtime/identify/nearest.h"
#include "runtime/identify/notes.h"
#include "runtime/identify/part_config.h"
#include "runtime/identify/parts.h"
#include "runtime/io/memory_guard.h"
#include "runtime/io/text.h"
#include "runtime/value/general_finding.h"

namespace tenon {
namespace {

std::uint64_t count_elements(const Checkpoint& checkpoint, const std::vector<std::uint32_t>& tensors) {
  std::uint64_t sum = 0;
  for (const std::uint32_t t : tensors) sum += static_cast<std::uint64_t>(numel(checkpoint.tensors[t].shape).value_or(0));
  return sum;
}

Finding identity_finding(std::string_view id, std::string message, std::string remedy) {
  return general_finding(id, FindingKind::kIdentity, Severity::kError, std::move(message), std::move(remedy));
}

// What was odd about the container. An index that its shards do not bear out is a warning: the files may be of two saves.
std::vector<Finding> container_findings(const Checkpoint& checkpoint) {
  std::vector<Finding> findings;
  for (const ContainerNote& note : checkpoint.notes) {
    const auto severity = note.code.starts_with("IX-") ? Severity::kWarning : Severity::kNote;
    // The message ends in the container's own code.
    findings.push_back(general_finding("TN-CONTAINER", FindingKind::kContainer, severity, note.message));
  }
  return findings;
}

// Losers that speak about the same tensors as the part; one line per layout, the part's own layout left out.
std::vector<Evidence> refused_beside(const PartDraft& draft, const std::vector<Loser>& losers) {
  std::vector<Evidence> refused;
  const std::string own = draft.candidate.label();
  for (const Loser& loser : losers) {
    const std::string label = loser.candidate.label();
    const bool concerns = loser.candidate.prefix.starts_with(draft.candidate.prefix) || draft.candidate.prefix.starts_with(loser.candidate.prefix);
    const bool told = std::any_of(refused.begin(), refused.end(), [&](const Evidence& e) { return e.candidate == label; });
    if (concerns && !told && label != own) refused.push_back({label, loser.because});
  }
  return refused;
}

Part describe_part(const Checkpoint& checkpoint, const PartDraft& draft, const std::vector<Loser>& losers) {
  const Candidate& candidate = draft.candidate;
  Part part;
  part.part = draft.name;
  part.prefix = candidate.prefix;
  part.prefixes = candidate.prefixes;
  part.family = candidate.family->said();
  part.layout = candidate.layout->name;
  part.tensors = candidate.tensors;
  part.tensors.insert(part.tensors.end(), draft.leftover.begin(), draft.leftover.end());
  for (const IgnoredTensor& ignored : draft.harmless) part.tensors.push_back(ignored.tensor);
  std::sort(part.tensors.begin(), part.tensors.end());
  part.parameters = count_elements(checkpoint, part.tensors);
  for (const std::string& text : candidate.favour) part.evidence.push_back({candidate.label(), text});
  part.refused = refused_beside(draft, losers);
  return part;
}

Mapped map_draft(const Checkpoint& checkpoint, const PartDraft& draft) {
  Mapped mapped = map_claims(*draft.candidate.form, checkpoint, draft.candidate.claims);
  mapped.unexpected = draft.leftover;
  mapped.ignored.insert(mapped.ignored.end(), draft.harmless.begin(), draft.harmless.end());
  return mapped;
}

// The family that a part is built as: its own, or the one that the caller asks for, where a bridge leads there.
const FamilyTable& family_to_build(const Tables& tables, const PartDraft& draft, const IdentifyRequest& request) {
  const FamilyTable* asked = tables.family(request.family);
  const bool bridged = asked != nullptr && find_bridge(*asked, draft.candidate.family->name) != nullptr;
  return bridged ? *asked : *draft.candidate.family;
}

Result<void> finish_built(const Checkpoint& checkpoint,
                          const Tables& tables,
                          const PartDraft& draft,
                          const IdentifyRequest& request,
                          Part& part) {
  auto bound = std::make_shared<BoundLayout>();
  bound->form = draft.candidate.form;
  bound->mapped = map_draft(checkpoint, draft);
  part.buildable = true;
  const FamilyTable& family = family_to_build(tables, draft, request);
  if (const BridgeTable* bridge = find_bridge(family, part.family)) {
    bound->mapped = cross_bridge(family, *bridge, std::move(bound->mapped));
    part.evidence.push_back({family.name, fmt::format("--as {}: a bridge from {}", family.name, part.family)});
    part.family = family.name;
  }
  const auto variants = variants_of(family);
  auto requested = gather_requested(checkpoint, draft, family, request, variants, part.findings);
  if (!requested) return tl::unexpected(requested.error());
  const bool nested = checkpoint.container == Container::kTorchZip || checkpoint.container == Container::kTorchLegacy;
  derive_config(family, bound->mapped, *requested, variants, nested, part);
  if (auto finding = contradicted_mark(checkpoint, family, part)) part.findings.push_back(std::move(*finding));
  if (auto finding = foreign_axes(bound->mapped)) part.findings.push_back(std::move(*finding));
  part.bound = std::move(bound);
  return {};
}

// One part of every tensor, for a checkpoint that no single family explains.
Part whole_checkpoint(const Checkpoint& checkpoint) {
  Part part;
  part.part = "model";
  part.prefixes = {""};
  part.tensors.resize(checkpoint.tensors.size());
  std::iota(part.tensors.begin(), part.tensors.end(), 0U);
  part.parameters = count_elements(checkpoint, part.tensors);
  return part;
}

Part unknown_part(const Checkpoint& checkpoint, const Tables& tables, const std::vector<Loser>& losers) {
  Part part = whole_checkpoint(checkpoint);
  for (const Loser& loser : losers) {
    const std::string label = loser.candidate.label();
    const bool told = std::any_of(part.refused.begin(), part.refused.end(), [&](const Evidence& e) { return e.candidate == label; });
    if (!told) part.refused.push_back({label, loser.because});
  }
  part.nearest = nearest_known(checkpoint, tables);
  return part;
}

Identity unknown(const Checkpoint& checkpoint, const Tables& tables, const Contest& contest) {
  Identity identity;
  identity.status = IdentityStatus::kUnknown;
  identity.findings = container_findings(checkpoint);
  identity.parts.push_back(unknown_part(checkpoint, tables, contest.losers));
  const std::string& nearest = identity.parts.front().nearest;
  identity.findings.push_back(identity_finding(
      "TN-IDENTITY-UNKNOWN",
      fmt::format("no known layout explains these {} tensors; {}", checkpoint.tensors.size(),
                  nearest.empty() ? "none shares a name with them" : "nearest: " + nearest),
      "Look at the names with `tenon ls`; a new layout is a table (configs/README.md) for --tables."));
  return identity;
}

Identity ambiguous(const Checkpoint& checkpoint, const Contest& contest) {
  Identity identity;
  identity.status = IdentityStatus::kAmbiguous;
  identity.findings = container_findings(checkpoint);
  Part part = whole_checkpoint(checkpoint);
  std::string labels;
  for (const std::size_t s : contest.ties.front()) {
    const Candidate& candidate = contest.survivors[s];
    labels += (labels.empty() ? "" : " and ") + candidate.label();
    for (const std::string& text : candidate.favour) part.evidence.push_back({candidate.label(), text});
    part.refused.push_back({candidate.label(), fmt::format("explains {} tensors, and so does another", candidate.tensors.size())});
  }
  identity.findings.push_back(identity_finding("TN-IDENTITY-AMBIGUOUS", fmt::format("{} explain the same tensors", labels),
                                               "Say which one it is with --as FAMILY."));
  identity.parts.push_back(std::move(part));
  return identity;
}

Result<Identity> identify_parts(const Checkpoint& checkpoint, const Tables& tables, const IdentifyRequest& request) {
  const Wrappers wrappers(checkpoint, tables);
  Contest contest = hold_contest(find_candidates(checkpoint, tables, wrappers), request.family);
  if (contest.survivors.empty()) return unknown(checkpoint, tables, contest);
  if (!contest.ties.empty()) return ambiguous(checkpoint, contest);
  join_mixed_prefixes(contest.survivors, wrappers);

  Identity identity;
  identity.status = IdentityStatus::kIdentified;
  identity.findings = container_findings(checkpoint);
  for (const PartDraft& draft : draft_parts(checkpoint, std::move(contest.survivors), wrappers)) {
    Part part = describe_part(checkpoint, draft, contest.losers);
    if (draft.candidate.form == nullptr) {
      describe_declined(checkpoint, tables, draft, request, part);
      const FamilyTable* whole = tables.family(draft.candidate.family->piece_of);
      if (whole != nullptr) {
        if (auto done = describe_piece(checkpoint, draft, *whole, request, part); !done) return tl::unexpected(done.error());
      }
    } else if (auto done = finish_built(checkpoint, tables, draft, request, part); !done) {
      return tl::unexpected(done.error());
    }
    identity.parts.push_back(std::move(part));
  }
  for (Part& part : identity.parts) {
    for (Finding& note : part_notes(checkpoint, identity, part, wrappers)) part.findings.push_back(std::move(note));
  }
  return identity;
}

// A segment inside a name is a wrapper where more is explained without it, and part of the name where it is not.
Result<Identity> identify_unwrapped(const Checkpoint& checkpoint, const Tables& tables, const IdentifyRequest& request) {
  auto identity = identify_parts(checkpoint, tables, request);
  const auto unwrapped = without_inner_wrappers(checkpoint, tables.wrappers());
  if (!identity || !unwrapped) return identity;
  auto inner = identify_parts(unwrapped->checkpoint, tables, request);
  if (!inner || count_explained(*inner) <= count_explained(*identity)) return identity;
  speak_of_the_file(*inner, *unwrapped, checkpoint, tables.wrappers());
  return inner;
}

Result<Identity> identify_with_notes(const Checkpoint& checkpoint, const Tables& tables, const IdentifyRequest& request) {
  auto identity = identify_unwrapped(checkpoint, tables, request);
  if (!identity) return identity;
  for (Finding& note : checkpoint_notes(checkpoint)) identity->findings.push_back(std::move(note));
  return identity;
}

}  // namespace

Result<Identity> identify(const Checkpoint& checkpoint, const Tables& tables, const IdentifyRequest& request) {
  return io::guard_memory(checkpoint.path, [&] { return identify_with_notes(checkpoint, tables, request); });
}

Mapped map_part(const Checkpoint&, const Part& part) {
  return part.bound != nullptr ? part.bound->mapped : Mapped{};
}

}  // namespace tenon
