// Looks for named evidence behind a prefix, and says what it found.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/checkpoint.h>
#include <tenon/identify.h>

#include "runtime/identify/tables.h"

namespace tenon {

class EvidenceFinder {
 public:
  EvidenceFinder(const Checkpoint& checkpoint, std::string_view prefix, const Variables& variables, const SegmentSets& sets)
      : checkpoint_(checkpoint), prefix_(prefix), variables_(variables), sets_(sets) {}

  struct Found {
    std::string pattern;       // as it reads with its variables put in
    std::size_t count = 0;
    const TensorEntry* first = nullptr;
    [[nodiscard]] bool any() const { return count > 0; }
  };
  /// Tensors that match an item, conditions included. Stops at the first match unless the item counts.
  [[nodiscard]] Found find(const EvidenceItem& item) const;

 private:
  const Checkpoint& checkpoint_;
  std::string_view prefix_;
  const Variables& variables_;
  const SegmentSets& sets_;
};

/// Whether a tensor meets an item's conditions on rank and shape.
[[nodiscard]] bool meets(const EvidenceItem& item, const TensorEntry& entry);

/// Weighs one form behind one prefix. `against` is empty when everything holds.
struct Weighed {
  std::vector<std::string> favour;
  std::string against;
};
[[nodiscard]] Weighed weigh(const EvidenceFinder& finder, const LayoutTable& layout, const FormChoice& choice);

}  // namespace tenon
