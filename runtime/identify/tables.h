// All families' tables, parsed; immutable once built.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/identify.h>

#include "runtime/identify/anchor_index.h"
#include "runtime/mapping/form.h"
#include "runtime/mapping/table.h"

namespace tenon {

class Tables {
 public:
  /// Indexes the anchors; faults for anchors that do not parse go to the family's list.
  Tables(std::vector<FamilyTable> families, WrapperTable wrappers);
  Tables(const Tables&) = delete;
  Tables& operator=(const Tables&) = delete;

  [[nodiscard]] const std::vector<FamilyTable>& families() const { return families_; }  // sorted by name
  [[nodiscard]] const WrapperTable& wrappers() const { return wrappers_; }
  [[nodiscard]] const AnchorIndex& anchors() const { return anchors_; }
  [[nodiscard]] const FamilyTable* family(std::string_view name) const;
  [[nodiscard]] const FormChoice& choice(const FormRef& ref) const { return choices_[ref.family][ref.layout][ref.form]; }

 private:
  std::vector<FamilyTable> families_;
  WrapperTable wrappers_;
  std::vector<std::vector<std::vector<FormChoice>>> choices_;  // family, layout, form
  AnchorIndex anchors_;
};

/// The variant table as `derive` takes it.
[[nodiscard]] std::vector<Variant> variants_of(const FamilyTable& family);

/// Whether the family's config has this key; false for a family that is not known.
[[nodiscard]] bool has_config_key(const Tables& tables, std::string_view family, std::string_view key);

/// Those of every family that has some.
[[nodiscard]] std::map<std::string, std::vector<Variant>> variants_by_family(const Tables& tables);

/// The sets' source segments, for patterns that only look.
[[nodiscard]] SegmentSets select_sets(const FamilyTable& family);

}  // namespace tenon
