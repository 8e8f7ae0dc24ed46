// Checkpoints, models and mappings as values, for tests of check, policy, diagnose and report.
#pragma once

#include <string>
#include <tenon/policy.h>
#include <vector>

namespace tenon::test {

struct Named {
  std::string name;
  Shape shape;
  DType dtype = DType::kF32;
};

/// A file and a model that may differ, one part "model" of the family "vit", mapped by equal names.
struct CheckCase {
  Checkpoint checkpoint;
  Identity identity;
  ModelSpec model;
  Mapped mapped;
  CheckRequest request;
  Policy policy;

  /// File tensors whose names begin with "harmless." are ignored by the mapping.
  CheckCase(const std::vector<Named>& file, const std::vector<Named>& wanted);
  [[nodiscard]] Part& part() { return identity.parts[0]; }
  [[nodiscard]] Decision decide() const;
};

/// A small classifier that both sides agree on: pos_embed, cls_token, blocks of weights, a head.
[[nodiscard]] std::vector<Named> small_vit();
/// The same with one tensor of another shape, without it, with one more.
[[nodiscard]] std::vector<Named> with_shape(std::vector<Named> list, const std::string& name,
                                            const Shape& shape);
[[nodiscard]] std::vector<Named> without(std::vector<Named> list, const std::string& name);
[[nodiscard]] std::vector<Named> with(std::vector<Named> list, const Named& more);

/// The findings with this id.
[[nodiscard]] std::vector<Finding> with_id(const LoadReport& report, const std::string& id);

}  // namespace tenon::test
