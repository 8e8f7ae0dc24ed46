// A module of the caller's own has the names of one library, and the file those of another.
#pragma once

#include <optional>

#include <tenon/identify.h>
#include <tenon/report.h>
#include <tenon/spec.h>

namespace tenon::loading {

/// The cause TN-D-LAYOUT where the file and the module's names are one family in two layouts; nullopt where that is not what is wrong.
/// `explains` is left empty.
[[nodiscard]] std::optional<Diagnosis> two_layouts(const Checkpoint& checkpoint, const ModelSpec& wanted, const Tables& tables);

}  // namespace tenon::loading
