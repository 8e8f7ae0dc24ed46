// Evaluates `reads:` over names and types. YAML only reads; what it means is the family's to derive.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/family.h>
#include <tenon/mapping.h>

#include "runtime/mapping/pattern.h"
#include "runtime/mapping/table.h"

namespace tenon {

struct NamedType {
  std::string_view name;
  DType dtype = DType::kF32;
  const Shape* shape = nullptr;
};

/// A count that no honest file can have: more than there are tensors.
struct ExcessiveCount {
  std::string pattern;
  std::int64_t count = 0;
};

class Reader {
 public:
  /// `names` in the order in which the lowest index comes first.
  Reader(std::span<const NamedType> names, const SegmentSets& sets, const Variables& variables)
      : names_(names), sets_(sets), variables_(variables) {}

  [[nodiscard]] Reads read(const std::vector<ReadRule>& rules);
  [[nodiscard]] const std::vector<ExcessiveCount>& excessive() const { return excessive_; }

 private:
  [[nodiscard]] Value call(const ReadCall& call);

  std::span<const NamedType> names_;
  const SegmentSets& sets_;
  const Variables& variables_;
  std::vector<ExcessiveCount> excessive_;
};

}  // namespace tenon
