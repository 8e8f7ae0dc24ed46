// Checks what `run` is given before the forward sees it: TN-INPUT-* (kUsage) names the input and what the model needs.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include <tenon/error.h>
#include <tenon/family_module.h>

namespace tenon::nn {

/// One dimension of an input: a size the model fixes, or a letter for one that the caller chooses. The same letter in
/// several inputs of one forward is the same size.
struct Dim {
  std::int64_t size = -1;
  char letter = 'N';
  Dim(std::int64_t fixed) : size(fixed), letter(0) {}  // NOLINT(google-explicit-constructor)
  Dim(int fixed) : size(fixed), letter(0) {}           // NOLINT(google-explicit-constructor)
  Dim(char name) : letter(name) {}                     // NOLINT(google-explicit-constructor)
};

enum class InputKind { kFloat, kInteger, kFloatOrInteger, kBoolOrInteger };

class Inputs {
 public:
  explicit Inputs(const NamedTensors& given) : given_(given) {}

  /// The input, checked. An absent one is TN-INPUT-MISSING; a shape that does not fit TN-INPUT-SHAPE; another kind of
  /// number TN-INPUT-DTYPE.
  [[nodiscard]] Result<at::Tensor> take(std::string_view name, const std::vector<Dim>& shape, InputKind kind = InputKind::kFloat);
  /// The same for an input that may be absent: an undefined tensor then.
  [[nodiscard]] Result<at::Tensor> take_optional(std::string_view name,
                                                 const std::vector<Dim>& shape,
                                                 InputKind kind = InputKind::kFloat);
  [[nodiscard]] bool has(std::string_view name) const;
  /// The size that a letter stood for in the inputs taken so far; -1 when none had it.
  [[nodiscard]] std::int64_t size_of(char letter) const;
  /// TN-INPUT-UNKNOWN for an input that nothing took: a misspelt optional one would be ignored in silence.
  [[nodiscard]] Result<void> all_taken() const;

 private:
  const NamedTensors& given_;
  std::vector<std::string> taken_;
  std::map<char, std::int64_t> sizes_;
};

}  // namespace tenon::nn
