// The second half of every operation of the tables: what infer() promises for types, apply() does to tensors.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include <tenon/mapping.h>

namespace tenon::loading {

/// The value of an expression over its sources (CPU). The result may be a view of a source.
/// The expression has passed infer(); what it does not fit throws c10::Error.
[[nodiscard]] at::Tensor apply_expr(const Expr& expr, const std::vector<at::Tensor>& sources);

/// Whether the expression is one source, at most cast: its bytes can go where they belong as they are read.
[[nodiscard]] bool is_copy(const Expr& expr);

/// Whether the expression joins whole sources along the first dimension, at most cast: each can go to its rows as it is read.
[[nodiscard]] bool is_join(const Expr& expr, std::size_t sources);

/// A position table [..., prefix + h * w, width] for another grid; the prefix rows stay. In F32, answered in the
/// table's dtype. "bicubic-antialias" equals timm's resample_abs_pos_embed.
[[nodiscard]] at::Tensor resize_positions(const at::Tensor& table,
                                          std::int64_t prefix,
                                          std::array<std::int64_t, 2> grid,
                                          std::array<std::int64_t, 2> new_grid,
                                          std::string_view method);

}  // namespace tenon::loading
