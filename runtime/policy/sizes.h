// What `lenient` adapts: only where the caller asked for another size than the file has.
#pragma once

#include <set>
#include <string>
#include <tenon/policy.h>
#include <vector>

#include "runtime/check/compare.h"
#include "runtime/policy/adapt.h"

namespace tenon {

/// Answers for one model and one request.
class AskedSizes {
 public:
  AskedSizes(const ModelSpec& model, const Mapped& mapped, const Comparison& compared,
             const CheckRequest& request);

  /// A declared head, none of whose tensors fits, and whose first dimension is a number that was
  /// asked for.
  [[nodiscard]] bool fills_head(const ExpectedTensor& expected) const;
  /// A position table whose new grid is that of a size that was asked for.
  [[nodiscard]] bool resizes(const ExpectedTensor& expected, const MappedTensor& mapped,
                             const Config& config) const;
  /// The only convolution of which nothing but the input channels differs, to a number that was
  /// asked for.
  [[nodiscard]] bool inflates(const ExpectedTensor& expected, const MappedTensor& mapped) const;

 private:
  /// The declared head that a name belongs to; empty for none.
  [[nodiscard]] std::string head_of(const std::string& name) const;
  [[nodiscard]] bool asked(std::int64_t number) const;

  const ModelSpec& model_;
  const CheckRequest& request_;
  std::set<std::string> intact_heads_;  // with a tensor that matched
  std::size_t channel_changes_ = 0;
};

}  // namespace tenon
