// What makes a tensor of another size fit: position tables resized, input channels adapted, the
// rest filled.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tenon/mapping.h>
#include <tenon/policy.h>
#include <tenon/spec.h>
#include <tl/expected.hpp>

namespace tenon {

/// Either an expression that ends in the expected shape, or why there is none.
using Adapted = tl::expected<Expr, std::string>;

/// How a position table is cut: `prefix` tokens that stay, then a grid.
struct Grid {
  std::int64_t prefix = 0;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
};

/// The grids of a position table in the file and in the model. Prefix tokens are those for which
/// both sides are exact squares and for which the model has room (class, distillation and register
/// tokens of the same width). A grid of the model that is no square is found from a size of the
/// config that is a list [height, width].
[[nodiscard]] tl::expected<std::pair<Grid, Grid>, std::string> position_grids(
    const ModelSpec& model, const ExpectedTensor& expected, const Shape& found,
    const Config& config);

/// `method`: "bicubic" means "bicubic-antialias", as timm resizes; "bilinear", "nearest".
[[nodiscard]] Adapted resize_position_table(const ModelSpec& model, const ExpectedTensor& expected,
                                            const MappedTensor& mapped, const Config& config,
                                            const std::string& method);

/// Convolution kernels [out, in, ...] of which only `in` differs. `with` zeros, ones or a constant:
/// for added channels; channels that the model lacks are cut. `with` the module's default: as timm
/// adapts pretrained stems, when the file has three channels or the model one (one: the sum; more:
/// repeated and scaled by old / new), else as zeros.
[[nodiscard]] Adapted inflate_channels(const ExpectedTensor& expected, const MappedTensor& mapped,
                                       const Fill& with);

/// A joined tensor of which some parts fit: those of the file, and for the others the same part of a fill.
struct Kept {
  Expr expr;                           // the kSource behind `sources` is the whole tensor, filled
  std::vector<std::uint32_t> sources;  // those that fit
  DType dtype = DType::kF32;
  std::size_t parts = 0;
};

/// Of sources that are joined along the first dimension, in this order and in equal parts (queries, keys and values in
/// one tensor), those that fit; kAbsentSource stands for one that the file lacks. nullopt where none fits.
[[nodiscard]] std::optional<Kept> keep_parts_that_fit(const std::vector<std::uint32_t>& sources,
                                                      const Checkpoint& checkpoint,
                                                      const TensorType& expected);

/// The sources in the order in which the expression joins them along the first dimension; empty for any other.
[[nodiscard]] std::vector<std::uint32_t> joined_sources(const MappedTensor& mapped);

/// A constant of the expected shape; the module's own default is left to build, which has the
/// module.
[[nodiscard]] Expr fill_expression(const TensorType& type, const Fill& with);

/// The same with a cast behind it, unless it is of that dtype already.
[[nodiscard]] Expr cast_expression(Expr expr, DType from, DType to);

}  // namespace tenon
