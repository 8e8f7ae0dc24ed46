// Reads -> Structure.
#include <algorithm>
#include <initializer_list>
#include <map>

#include "models/unet/shapes.h"

namespace tenon::models::unet {
namespace {

const Value* read_of(const Reads& reads, std::string_view name) {
  const auto found = reads.find(name);
  return found == reads.end() || found->second.is_null() ? nullptr : &found->second;
}

std::vector<std::int64_t> integers(const Value& value) {
  std::vector<std::int64_t> out;
  if (const auto* list = value.as_list()) {
    for (const auto& item : *list) out.push_back(item.as_int().value_or(0));
  }
  return out;
}

/// Dimension `dim` of a `shape` read; nullopt when the name is not there.
std::optional<std::int64_t> dim_of(const Reads& reads, std::string_view name, std::size_t dim) {
  const auto* value = read_of(reads, name);
  if (value == nullptr) return std::nullopt;
  const auto shape = integers(*value);
  return dim < shape.size() ? std::optional(shape[dim]) : std::nullopt;
}

std::vector<Match> all_matches(const Reads& reads, std::initializer_list<std::string_view> names) {
  std::vector<Match> all;
  for (const auto name : names) {
    auto some = matches(reads, name);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

// A stranger's index is not a count to build: what lies beyond is left to the findings.
constexpr std::int64_t kHighestIndex = 4096;

bool within(const Match& match) {
  return std::all_of(match.indices.begin(), match.indices.end(), [](std::int64_t i) { return i < kHighestIndex; });
}

/// The widths and layers of the levels, from the residual blocks on the way down.
void read_levels(const Reads& reads, Structure& s) {
  const auto widths = all_matches(reads,
                                  {"down_norm2", "down_conv1", "down_spatial_norm2", "down_spatial_conv1"});
  for (const auto& match : widths) {
    if (match.indices.size() < 2 || !within(match)) continue;
    const auto level = static_cast<std::size_t>(match.index(0));
    if (level >= s.levels.size()) s.levels.resize(level + 1);
    auto& layers = s.levels[level].down;
    layers.resize(std::max(layers.size(), static_cast<std::size_t>(match.index(1)) + 1));
    if (s.levels[level].width == 0) s.levels[level].width = match.dim(0);
  }
  for (std::size_t i = 0; i < s.levels.size(); ++i) {
    auto& level = s.levels[i];
    // A level of which nothing is left is taken to be like the one above it; its tensors are then missing.
    if (level.down.empty() && i > 0) level.down.resize(s.levels[i - 1].down.size());
    if (level.width == 0 && i > 0) level.width = s.levels[i - 1].width;
    level.up.resize(level.down.size() + 1);
  }
}

using Depths = std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t>;

Depths depths_of(const std::vector<Match>& blocks) {
  Depths depths;
  for (const auto& match : blocks) {
    if (match.indices.size() < 3 || !within(match)) continue;
    auto& depth = depths[{match.index(0), match.index(1)}];
    depth = std::max(depth, match.index(2) + 1);
  }
  return depths;
}

/// Every layer of an attending block attends: one that lost its tensors is taken to be like its neighbours.
void apply_depths(const Depths& depths, std::int64_t block, std::vector<std::int64_t>& layers) {
  std::int64_t any = 0;
  for (std::size_t j = 0; j < layers.size(); ++j) {
    const auto found = depths.find({block, static_cast<std::int64_t>(j)});
    if (found != depths.end()) layers[j] = any = found->second;
  }
  for (auto& depth : layers) depth = depth == 0 ? any : depth;
}

void read_attention(const Reads& reads, Structure& s) {
  const auto down = depths_of(all_matches(reads, {"down_norm1", "down_q"}));
  const auto up = depths_of(all_matches(reads, {"up_norm1", "up_q"}));
  const auto levels = static_cast<std::int64_t>(s.levels.size());
  for (std::int64_t i = 0; i < levels; ++i) {
    auto& level = s.levels[static_cast<std::size_t>(i)];
    apply_depths(down, i, level.down);
    apply_depths(up, levels - 1 - i, level.up);
  }
  const auto context = all_matches(reads, {"down_k", "down_v", "mid_k", "up_k"});
  s.context = context.empty() ? 0 : context.front().dim(1);
  const auto projections = all_matches(reads, {"down_proj", "down_proj_out", "mid_proj", "up_proj"});
  s.linear_projection = s.video || (!projections.empty() && projections.front().shape.size() == 2);
}

void read_mid(const Reads& reads, Structure& s) {
  s.mid_depth = 0;
  for (const auto& match : all_matches(reads, {"mid_norm1", "mid_k"})) {
    if (match.indices.size() >= 2 && within(match)) s.mid_depth = std::max(s.mid_depth, match.index(1) + 1);
  }
  const auto residuals = all_matches(reads, {"mid_residuals", "mid_residual_convs", "mid_spatial"});
  s.mid = s.mid_depth > 0 ? Mid::kAttention : residuals.empty() ? Mid::kNone : Mid::kResidual;
  if (s.mid_depth == 0) s.mid_depth = 1;
}

void read_label(const Reads& reads, Structure& s) {
  if (const auto added = dim_of(reads, "added", 1)) {
    s.label = Label::kAdded;
    s.label_width = *added;
  } else if (const auto projected = dim_of(reads, "class", 1)) {
    s.label = Label::kClassProjection;
    s.label_width = *projected;
  } else if (const auto classes = dim_of(reads, "class_table", 0)) {
    s.label = Label::kClassEmbedding;
    s.label_width = *classes;
  }
}

}  // namespace

std::vector<Match> matches(const Reads& reads, std::string_view name) {
  std::vector<Match> out;
  const auto* value = read_of(reads, name);
  const auto* list = value == nullptr ? nullptr : value->as_list();
  if (list == nullptr) return out;
  for (const auto& item : *list) {
    const auto* pair = item.as_list();
    if (pair != nullptr && pair->size() == 2) out.push_back({integers((*pair)[0]), integers((*pair)[1])});
  }
  return out;
}

std::optional<Structure> structure_of(const Reads& reads) {
  Structure s;
  s.video = !all_matches(reads, {"down_spatial_norm2", "down_spatial_conv1", "mid_spatial"}).empty();
  read_levels(reads, s);
  if (s.levels.empty() || s.levels.front().width == 0) return std::nullopt;
  s.in_channels = dim_of(reads, "conv_in", 1).value_or(4);
  s.out_channels = dim_of(reads, "conv_out", 0).value_or(dim_of(reads, "conv_out_bias", 0).value_or(4));
  s.time_cond_width = dim_of(reads, "time_cond", 1).value_or(0);
  read_attention(reads, s);
  read_mid(reads, s);
  read_label(reads, s);
  const auto projection = matches(reads, "down_time");
  s.scale_shift = !s.video && !projection.empty() && projection.front().dim(0) == 2 * s.levels.front().width;
  return s;
}

}  // namespace tenon::models::unet
