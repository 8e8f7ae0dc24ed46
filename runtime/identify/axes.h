// The order of a tensor's axes, as far as shapes tell it.
#pragma once

#include <optional>

#include <tenon/mapping.h>
#include <tenon/report.h>

namespace tenon {

/// Weights whose axes are in another order than PyTorch's: convolutions with their channels last (MLX, TensorFlow), matrices
/// [in, out] (JAX, TensorFlow). Sizes that are read off such weights are wrong, and the wrong model may well fit. Nothing where no
/// shape says so. By the model's own names: a layout that transposes a matrix has put it right.
[[nodiscard]] std::optional<Finding> foreign_axes(const Mapped& mapped);

}  // namespace tenon
