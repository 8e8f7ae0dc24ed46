// Stage "check": the expected list against the mapped one. Every tensor of both sides lands in
// exactly one place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tenon/checkpoint.h>
#include <tenon/identify.h>
#include <tenon/mapping.h>
#include <tenon/report.h>
#include <tenon/spec.h>
#include <vector>

namespace tenon {

enum class TensorState {
  kMatched,
  kMissing,
  kShape,  // another shape
  kDtype,  // another kind of numbers
  kUnfit,  // its sources are there but do not fit together, or are two
};

/// What became of one expected tensor.
struct ExpectedState {
  TensorState state = TensorState::kMissing;
  std::optional<std::size_t> mapped;  // index into Mapped::tensors
  std::optional<std::size_t> problem;  // index into Mapped::problems
  std::string did_you_mean;  // kMissing: an unexpected file name of the same shape
};

/// A file tensor of the part that the model has no place for.
struct UnexpectedTensor {
  std::uint32_t tensor = 0;  // index into Checkpoint::tensors
  std::string target;  // the own name it maps to, where the tables know it
  std::string did_you_mean;  // a missing own name of the same shape
  std::string scales;        // the name of an 8-bit weight that is used and that this lies beside
};

struct Comparison {
  std::vector<ExpectedState> expected;  // one per ModelSpec::tensors, same order
  std::vector<UnexpectedTensor> unexpected;  // natural order of names
  std::vector<IgnoredTensor> ignored;  // natural order of names
  std::vector<ValueCondition> pending;  // Mapped's, and that the names of tied parameters agree
  Counts counts;  // all but `waived`
};

/// Numbers of any width fit within a kind (float, integer, bool); across kinds they do not.
[[nodiscard]] Comparison compare(const Checkpoint& checkpoint, const Part& part,
                                 const ModelSpec& expected, const Mapped& mapped);

}  // namespace tenon
