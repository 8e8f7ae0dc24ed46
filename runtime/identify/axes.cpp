#include "runtime/identify/axes.h"

#include <string>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "runtime/io/text.h"
#include "runtime/value/general_finding.h"

namespace tenon {
namespace {

constexpr std::string_view kWeight = ".weight";

/// [out, height, width, in] of a square kernel. PyTorch's [out, in, height, width] looks like it only where the kernel is not square.
bool has_channels_last(const Shape& shape) {
  return shape.size() == 4 && shape[1] > 1 && shape[1] == shape[2] && shape[3] != shape[2];
}

/// The bias has as many elements as the layer has outputs, and they are the first axis.
bool is_in_out(const Shape& weight, const Shape& bias) {
  return weight.size() == 2 && bias.size() == 1 && weight[0] != weight[1] && weight[1] == bias[0];
}

struct Told {
  std::size_t count = 0;
  const MappedTensor* first = nullptr;

  void add(const MappedTensor& tensor) {
    ++count;
    if (first == nullptr || tensor.target < first->target) first = &tensor;
  }
};

std::string words_for(const Told& told, std::string_view one, std::string_view many) {
  return fmt::format("{} {} ({} {})", told.count, told.count == 1 ? one : many, io::quoted(told.first->target, 80),
                     to_string(told.first->type.shape));
}

}  // namespace

std::optional<Finding> foreign_axes(const Mapped& mapped) {
  std::unordered_map<std::string_view, const Shape*> shape_of;
  for (const MappedTensor& tensor : mapped.tensors) shape_of.emplace(tensor.target, &tensor.type.shape);
  Told convolutions;
  Told matrices;
  for (const MappedTensor& tensor : mapped.tensors) {
    if (!tensor.target.ends_with(kWeight) || dtype_kind(tensor.type.dtype) != DTypeKind::kFloat) continue;
    if (has_channels_last(tensor.type.shape)) convolutions.add(tensor);
    const auto bias = shape_of.find(tensor.target.substr(0, tensor.target.size() - kWeight.size()) + ".bias");
    if (bias != shape_of.end() && is_in_out(tensor.type.shape, *bias->second)) matrices.add(tensor);
  }
  if (convolutions.count + matrices.count == 0) return std::nullopt;
  std::string text;
  if (convolutions.count != 0) text = words_for(convolutions, "convolution has its channels last", "convolutions have their channels last");
  if (matrices.count != 0) text += (text.empty() ? "" : "; ") + words_for(matrices, "matrix is [in, out] by its bias", "matrices are [in, out] by their biases");
  return general_finding("TN-AXES", FindingKind::kShape, Severity::kError,
                         text + ": MLX, JAX and TensorFlow order axes so, PyTorch [out, in, ...]",
                         "Reorder where the file was written, and save again: w.transpose(0, 3, 1, 2) for convolutions, w.T for matrices.");
}

}  // namespace tenon
