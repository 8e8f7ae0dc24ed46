// A part's config beside the variant table: which names fit, how the others differ, and whose defaults were asked for.
#pragma once

#include <string>
#include <string_view>

#include <tenon/identify.h>

#include "runtime/mapping/table.h"

namespace tenon {

/// Whether the part is that variant, or one that its weights cannot tell from it.
[[nodiscard]] bool may_be_variant(const Part& part, std::string_view variant);

/// Evidence for the part's variant, and against the one that was asked for and, where they are few, all others.
void explain_variant(const FamilyTable& family, const std::string& asked, Part& part);

/// The variants that nothing known contradicts: the first becomes the part's where it has none, the rest are `also`.
void choose_variant(const FamilyTable& family, Part& part);

/// A note where the values that were asked for and contradict the shapes are what a library takes when it is told none.
void note_defaults(const FamilyTable& family, const Config& requested, Part& part);

}  // namespace tenon
