// The small notation of row expressions: text to tree, tree to text, and the way back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/mapping.h>
#include <tl/expected.hpp>

namespace tenon {

/// The row's source number `index` (from 0), unchanged.
[[nodiscard]] Expr source_expr(std::size_t index);

/// "concat(0, $1, $2, $3)". The error is one line without a place. `$n` beyond `sources` is an error.
[[nodiscard]] tl::expected<Expr, std::string> parse_expr(std::string_view text, std::size_t sources);

/// The text that parse_expr reads back to an equal tree.
[[nodiscard]] std::string to_text(const Expr& expr);

/// Marks in `used` (as long as the row has sources) the ones that the expression reads.
void mark_sources(const Expr& expr, std::vector<bool>& used);

/// For a row with these target expressions over `sources` sources: one expression per source over the targets.
/// nullopt where the row loses something or needs sizes that only a `back` can state.
[[nodiscard]] std::optional<std::vector<Expr>> invert(const std::vector<Expr>& targets, std::size_t sources);

/// A size that names a dimension ("=2") as an argument of reshape or fill: below -1, gone once resolved.
[[nodiscard]] constexpr std::int64_t dimension_arg(std::int64_t dimension) { return -2 - dimension; }
[[nodiscard]] constexpr bool is_dimension_arg(std::int64_t arg) { return arg <= -2 && arg >= -11; }
[[nodiscard]] constexpr std::int64_t dimension_of_arg(std::int64_t arg) { return -2 - arg; }

/// `outer` with its sources replaced by `inner[k]`.
[[nodiscard]] Expr substitute(const Expr& outer, const std::vector<Expr>& inner);

/// The same expression with every reshape stated in plain sizes, for sources of these types.
[[nodiscard]] Result<Expr> resolve(const Expr& expr, const std::vector<TensorType>& sources);

}  // namespace tenon
