// The config of one part: native configs and the caller's values gathered, then the family's own derivation.
#pragma once

#include <string>
#include <vector>

#include <tenon/identify.h>

#include "runtime/identify/parts.h"

namespace tenon {

/// `family`: the draft's, or the one that a bridge leads to. Own keys that the caller or a native config states, the strongest origin per key. The error is a `--config` that
/// cannot be read; a sibling that cannot be read becomes a finding.
[[nodiscard]] Result<Config> gather_requested(const Checkpoint& checkpoint,
                                              const PartDraft& draft,
                                              const FamilyTable& family,
                                              const IdentifyRequest& request,
                                              const std::vector<Variant>& variants,
                                              std::vector<Finding>& findings);

/// Derives config and variant from the mapping and fills them into `part`.
void derive_config(const FamilyTable& family,
                   const Mapped& mapped,
                   const Config& requested,
                   const std::vector<Variant>& variants,
                   bool nested,
                   Part& part);

/// Config, base and text of a part that is recognised and not built.
void describe_declined(const Checkpoint& checkpoint, const Tables& tables, const PartDraft& draft, const IdentifyRequest& request, Part& part);

/// Of a piece of a model that was described: which variants of `family` it may be of, and what contradicts it. Fails on a
/// `--config` that cannot be read.
[[nodiscard]] Result<void> describe_piece(const Checkpoint& checkpoint,
                                          const PartDraft& draft,
                                          const FamilyTable& family,
                                          const IdentifyRequest& request,
                                          Part& part);

}  // namespace tenon
