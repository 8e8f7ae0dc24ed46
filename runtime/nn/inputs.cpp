#include <tenon/nn/inputs.h>

#include <algorithm>
#include <string>

#include "runtime/io/text.h"

namespace tenon::nn {
namespace {

Failure refuse(std::string_view code, std::string_view name, const std::string& found, const std::string& required) {
  return fail(ErrorKind::kUsage,
              std::string(code),
              "input " + io::quoted(name) + ": " + found + "; " + required + " [" + std::string(code) + "]");
}

std::string text(const std::vector<Dim>& shape) {
  std::string out;
  for (const auto& dim : shape) {
    out += (out.empty() ? "" : ", ") + (dim.letter ? std::string(1, dim.letter) : std::to_string(dim.size));
  }
  return "[" + out + "]";
}

bool is_kind(at::ScalarType type, InputKind kind) {
  const bool integer = c10::isIntegralType(type, /*includeBool=*/false);
  switch (kind) {
    case InputKind::kFloat:
      return c10::isFloatingType(type);
    case InputKind::kInteger:
      return integer;
    case InputKind::kFloatOrInteger:
      return integer || c10::isFloatingType(type);
    case InputKind::kBoolOrInteger:
      return integer || type == at::kBool;
  }
  return false;
}

std::string kind_text(InputKind kind) {
  switch (kind) {
    case InputKind::kFloat:
      return "a float dtype";
    case InputKind::kInteger:
      return "an integer dtype";
    case InputKind::kFloatOrInteger:
      return "a float or integer dtype";
    case InputKind::kBoolOrInteger:
      return "BOOL or an integer dtype";
  }
  return {};
}

}  // namespace

bool Inputs::has(std::string_view name) const { return given_.count(std::string(name)) > 0; }

std::int64_t Inputs::size_of(char letter) const {
  const auto found = sizes_.find(letter);
  return found == sizes_.end() ? -1 : found->second;
}

Result<at::Tensor> Inputs::take_optional(std::string_view name, const std::vector<Dim>& shape, InputKind kind) {
  return has(name) ? take(name, shape, kind) : at::Tensor();
}

Result<at::Tensor> Inputs::take(std::string_view name, const std::vector<Dim>& shape, InputKind kind) {
  taken_.emplace_back(name);
  const auto found = given_.find(std::string(name));
  if (found == given_.end()) {
    return refuse("TN-INPUT-MISSING", name, "not given", "this model needs it as " + text(shape));
  }
  const auto& tensor = found->second;
  if (!is_kind(tensor.scalar_type(), kind)) {
    return refuse("TN-INPUT-DTYPE", name, std::string(c10::toString(tensor.scalar_type())), "this model needs " + kind_text(kind));
  }
  const auto misfit = [&] {
    return refuse("TN-INPUT-SHAPE", name, to_string(tensor.sizes().vec()), "this model needs " + text(shape));
  };
  if (tensor.dim() != static_cast<std::int64_t>(shape.size())) return misfit();
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const auto size = tensor.size(static_cast<std::int64_t>(i));
    if (size == 0) return misfit();
    if (!shape[i].letter) {
      if (size != shape[i].size) return misfit();
      continue;
    }
    const auto known = sizes_.emplace(shape[i].letter, size).first->second;
    if (known != size) {
      return refuse("TN-INPUT-SHAPE",
                    name,
                    to_string(tensor.sizes().vec()),
                    "this model needs " + text(shape) + ", and " + shape[i].letter + " is " + std::to_string(known) + " in the other inputs");
    }
  }
  return tensor;
}

Result<void> Inputs::all_taken() const {
  for (const auto& [name, tensor] : given_) {
    if (std::find(taken_.begin(), taken_.end(), name) != taken_.end()) continue;
    std::string names;
    for (const auto& known : taken_) names += (names.empty() ? "" : ", ") + known;
    return refuse("TN-INPUT-UNKNOWN", name, "this model has no such input", "it takes " + names);
  }
  return {};
}

}  // namespace tenon::nn
