#include "runtime/policy/adapt.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <utility>
#include <vector>

#include "runtime/mapping/mapper.h"
#include "runtime/mapping/pattern.h"

namespace tenon {
namespace {

constexpr std::int64_t kMostPrefixTokens = 64;
constexpr std::int64_t kRgb = 3;
constexpr std::int64_t kMostChannels = 4096;  // an expression grows with them

std::optional<std::int64_t> exact_root(std::int64_t number) {
  if (number < 1) return std::nullopt;
  auto root = static_cast<std::int64_t>(std::sqrt(static_cast<double>(number)));
  while (root * root > number) --root;
  while ((root + 1) * (root + 1) <= number) ++root;
  return root * root == number ? std::optional(root) : std::nullopt;
}

/// [1, N, C] or [N, C], of which only N differs.
bool is_table_pair(const Shape& expected, const Shape& found) {
  if (expected.size() != found.size() || expected.size() < 2 || expected.size() > 3) return false;
  if (expected.size() == 3 && (expected[0] != 1 || found[0] != 1)) return false;
  return expected.back() == found.back() && expected.back() > 0;
}

std::int64_t positions(const Shape& table) { return table[table.size() - 2]; }

/// A parameter of its own, and not the weight or bias of a layer.
bool is_bare(const std::string& name) {
  const std::string_view last = split_segments(name).back();
  return last != "weight" && last != "bias";
}

/// Tokens that the model puts before the grid: bare parameters [1, k, C] and [C].
std::int64_t prefix_room(const ModelSpec& model, const ExpectedTensor& table) {
  const std::int64_t width = table.type.shape.back();
  std::int64_t room = 0;
  for (const ExpectedTensor& tensor : model.tensors) {
    const Shape& shape = tensor.type.shape;
    if (tensor.name == table.name || !is_bare(tensor.name) || shape.empty() ||
        shape.back() != width)
      continue;
    if (shape.size() == 3 && shape[0] == 1) room += std::min(shape[1], kMostPrefixTokens);
    if (shape.size() == 1) ++room;
  }
  return std::min(room, kMostPrefixTokens);
}

/// Kernels of the convolution that makes patches: the steps by which an image size becomes a grid.
std::vector<std::pair<std::int64_t, std::int64_t>> patch_sizes(const ModelSpec& model) {
  std::vector<std::pair<std::int64_t, std::int64_t>> sizes;
  for (const ExpectedTensor& tensor : model.tensors) {
    const Shape& shape = tensor.type.shape;
    if (shape.size() == 4 && shape[2] > 0 && shape[3] > 0) sizes.emplace_back(shape[2], shape[3]);
  }
  return sizes;
}

/// The model's grid where the config gives height and width apart.
std::optional<Grid> grid_from_config(const ModelSpec& model, const Config& config,
                                     std::int64_t tokens, std::int64_t prefix) {
  for (const Config::Item& item : config.items()) {
    const Value::List* list = item.value.as_list();
    if (list == nullptr || list->size() != 2) continue;
    const auto height = (*list)[0].as_int();
    const auto width = (*list)[1].as_int();
    if (!height || !width || *height == *width || *height < 1 || *width < 1) continue;
    for (const auto& [rows, columns] : patch_sizes(model)) {
      const Grid grid{prefix, *height / rows, *width / columns};
      if (grid.rows > 0 && grid.rows < tokens && grid.rows * grid.columns == tokens - prefix)
        return grid;
    }
  }
  return std::nullopt;
}

std::optional<Grid> square_grid(std::int64_t tokens, std::int64_t prefix) {
  const auto side = exact_root(tokens - prefix);
  return side ? std::optional(Grid{prefix, *side, *side}) : std::nullopt;
}

tl::unexpected<std::string> cannot(std::string why) { return tl::unexpected(std::move(why)); }

Expr node(OpKind op, std::vector<std::int64_t> args, std::vector<Expr> operands) {
  Expr expr;
  expr.op = op;
  expr.args = std::move(args);
  expr.operands = std::move(operands);
  return expr;
}

Expr scaled(Expr expr, double value) {
  Expr made = node(OpKind::kScale, {}, {std::move(expr)});
  made.value = value;
  return made;
}

/// Sums and products of stems are made in F32, as timm makes them.
Expr in_f32(Expr expr, DType dtype) { return cast_expression(std::move(expr), dtype, DType::kF32); }

Expr sum_of_channels(const Expr& source, std::int64_t channels) {
  Expr sum = node(OpKind::kSlice, {1, 0, 1}, {source});
  for (std::int64_t i = 1; i < channels; ++i) {
    sum = node(OpKind::kAdd, {}, {std::move(sum), node(OpKind::kSlice, {1, i, i + 1}, {source})});
  }
  return sum;
}

Expr repeated_channels(const Expr& source, std::int64_t from, std::int64_t to) {
  if (to < from) return node(OpKind::kSlice, {1, 0, to}, {source});
  std::vector<Expr> copies;
  std::int64_t made = 0;
  for (; made + from <= to; made += from) copies.push_back(source);
  if (made < to) copies.push_back(node(OpKind::kSlice, {1, 0, to - made}, {source}));
  return node(OpKind::kConcat, {1}, std::move(copies));
}

Expr as_timm(const MappedTensor& mapped, std::int64_t from, std::int64_t to) {
  const Expr source = in_f32(mapped.expr, mapped.type.dtype);
  Expr adapted = to == 1 ? sum_of_channels(source, from)
                         : scaled(repeated_channels(source, from, to),
                                  static_cast<double>(from) / static_cast<double>(to));
  return cast_expression(std::move(adapted), DType::kF32, mapped.type.dtype);
}

}  // namespace

tl::expected<std::pair<Grid, Grid>, std::string> position_grids(const ModelSpec& model,
                                                                const ExpectedTensor& expected,
                                                                const Shape& found,
                                                                const Config& config) {
  if (!is_table_pair(expected.type.shape, found)) {
    return cannot("only the number of positions of a [1, N, C] or [N, C] table can be resized");
  }
  const std::int64_t old_tokens = positions(found);
  const std::int64_t new_tokens = positions(expected.type.shape);
  std::vector<std::pair<Grid, Grid>> fits;
  for (std::int64_t prefix = 0; prefix <= prefix_room(model, expected); ++prefix) {
    const auto from = square_grid(old_tokens, prefix);
    auto to = grid_from_config(model, config, new_tokens, prefix);
    if (!to) to = square_grid(new_tokens, prefix);
    if (from && to) fits.emplace_back(*from, *to);
  }
  if (fits.size() == 1) return fits[0];
  if (fits.empty()) {
    return cannot(fmt::format(
        "neither {} nor {} positions are a square grid behind the model's prefix tokens",
        old_tokens, new_tokens));
  }
  return cannot(
      fmt::format("{} and {} positions are square grids behind {} and behind {} prefix tokens",
                  old_tokens, new_tokens, fits[0].first.prefix, fits[1].first.prefix));
}

Adapted resize_position_table(const ModelSpec& model, const ExpectedTensor& expected,
                              const MappedTensor& mapped, const Config& config,
                              const std::string& method) {
  const auto grids = position_grids(model, expected, mapped.type.shape, config);
  if (!grids) return cannot(grids.error());
  const auto& [from, to] = *grids;
  Expr resized = node(OpKind::kResize, {from.prefix, from.rows, from.columns, to.rows, to.columns},
                      {mapped.expr});
  resized.text = method.empty() || method == "bicubic" ? "bicubic-antialias" : method;
  return resized;
}

Adapted inflate_channels(const ExpectedTensor& expected, const MappedTensor& mapped,
                         const Fill& with) {
  const Shape& to = expected.type.shape;
  Shape from = mapped.type.shape;
  if (to.size() != from.size() || to.size() < 3 || to[1] < 1 || from[1] < 1) {
    return cannot("only the input channels of a convolution [out, in, ...] can be adapted");
  }
  const std::int64_t channels = std::exchange(from[1], to[1]);
  if (from != to) return cannot("more than the input channels differs");
  if (std::max(channels, to[1]) > kMostChannels)
    return cannot("that many channels are not adapted");
  const bool by_default = with.kind == Fill::Kind::kModuleDefault;
  if (by_default && (channels == kRgb || to[1] == 1)) return as_timm(mapped, channels, to[1]);
  if (to[1] < channels) return node(OpKind::kSlice, {1, 0, to[1]}, {mapped.expr});
  const std::int64_t added = to[1] - channels;
  if (by_default || with.kind == Fill::Kind::kZeros)
    return node(OpKind::kPad, {1, 0, added}, {mapped.expr});
  TensorType rest{mapped.type.dtype, to};
  rest.shape[1] = added;
  return node(OpKind::kConcat, {1}, {mapped.expr, fill_expression(rest, with)});
}

std::optional<Kept> keep_parts_that_fit(const std::vector<std::uint32_t>& sources,
                                        const Checkpoint& checkpoint, const TensorType& expected) {
  const auto parts = static_cast<std::int64_t>(sources.size());
  if (parts < 2 || expected.shape.empty() || expected.shape[0] % parts != 0) return std::nullopt;
  Shape part = expected.shape;
  part[0] /= parts;

  Kept kept;
  kept.parts = sources.size();
  std::vector<std::optional<std::size_t>> places;  // of each part in kept.sources
  for (const std::uint32_t source : sources) {
    places.emplace_back();
    if (source == kAbsentSource) continue;
    const TensorEntry& tensor = checkpoint.tensors.at(source);
    if (tensor.shape != part || dtype_kind(tensor.dtype) != dtype_kind(expected.dtype)) continue;
    if (!kept.sources.empty() && tensor.dtype != kept.dtype) return std::nullopt;
    kept.dtype = tensor.dtype;
    places.back() = kept.sources.size();
    kept.sources.push_back(source);
  }
  if (kept.sources.empty()) return std::nullopt;
  const auto numbered = [](std::size_t index) {
    return node(OpKind::kSource, {static_cast<std::int64_t>(index)}, {});
  };
  std::vector<Expr> operands;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto begin = static_cast<std::int64_t>(i) * part[0];
    operands.push_back(places[i] ? numbered(*places[i])
                                 : node(OpKind::kSlice, {0, begin, begin + part[0]},
                                        {numbered(kept.sources.size())}));
  }
  kept.expr = node(OpKind::kConcat, {0}, std::move(operands));
  return kept;
}

std::vector<std::uint32_t> joined_sources(const MappedTensor& mapped) {
  std::vector<std::uint32_t> sources;
  if (mapped.expr.op != OpKind::kConcat || mapped.expr.args.at(0) != 0) return sources;
  for (const Expr& operand : mapped.expr.operands) {
    if (operand.op != OpKind::kSource) return {};
    sources.push_back(mapped.sources.at(static_cast<std::size_t>(operand.args.at(0))));
  }
  return sources;
}

Expr fill_expression(const TensorType& type, const Fill& with) {
  Expr filled = node(OpKind::kFill, type.shape, {});
  filled.dtype = type.dtype;
  filled.value = with.kind == Fill::Kind::kOnes       ? 1.0
                 : with.kind == Fill::Kind::kConstant ? with.value
                                                      : 0.0;
  return filled;
}

Expr cast_expression(Expr expr, DType from, DType to) {
  if (from == to) return expr;
  Expr cast = node(OpKind::kCast, {}, {std::move(expr)});
  cast.dtype = to;
  return cast;
}

}  // namespace tenon
