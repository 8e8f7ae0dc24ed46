// The numbering of the original code: one running number for all blocks of a direction, where diffusers has levels and layers.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "models/unet/ldm.h"
#include "runtime/mapping/pattern.h"

namespace tenon::models::unet {
namespace {

std::string join(std::string_view head, std::int64_t number, std::string_view tail = {}) {
  return std::string(head) + "." + std::to_string(number) + std::string(tail);
}

class Rows {
 public:
  Rows(const Numbering& numbering, std::string_view label) : numbering_(numbering), label_(label) {}

  std::vector<EmittedRow> make() {
    add_ends();
    add_down();
    add_middle();
    add_up();
    if (!label_.empty()) {
      rename("label_emb.0.0.{wb}", std::string(label_) + ".linear_1.{wb}");
      rename("label_emb.0.2.{wb}", std::string(label_) + ".linear_2.{wb}");
    }
    return std::move(rows_);
  }

 private:
  void rename(std::string from, std::string to) {
    EmittedRow row;
    row.sources.push_back(std::move(from));
    row.targets.push_back(std::move(to));
    rows_.push_back(std::move(row));
  }

  void add_ends() {
    rename("time_embed.0.{wb}", "time_embedding.linear_1.{wb}");
    rename("time_embed.2.{wb}", "time_embedding.linear_2.{wb}");
    rename("time_embedding.cond_proj.weight", "time_embedding.cond_proj.weight");
    rename("label_emb.weight", "class_embedding.weight");
    rename("input_blocks.0.0.{wb}", "conv_in.{wb}");
    rename("out.0.{wb}", "conv_norm_out.{wb}");
    rename("out.2.{wb}", "conv_out.{wb}");
  }

  void add_down() {
    std::int64_t block = 1;
    for (std::size_t level = 0; level < numbering_.layers.size(); ++level) {
      const auto own = join("down_blocks", static_cast<std::int64_t>(level));
      for (std::int64_t layer = 0; layer < numbering_.layers[level]; ++layer, ++block) {
        add_layer(join("input_blocks", block), own, layer);
      }
      if (level + 1 == numbering_.layers.size()) break;
      rename(join("input_blocks", block, ".0.op.{wb}"), own + ".downsamplers.0.conv.{wb}");
      ++block;
    }
  }

  void add_middle() {
    add_residual("middle_block.0", "mid_block.resnets.0");
    add_transformer("middle_block.1", "mid_block.attentions.0");
    add_residual("middle_block.2", "mid_block.resnets.1");
  }

  void add_up() {
    std::int64_t block = 0;
    const auto levels = numbering_.layers.size();
    for (std::size_t up = 0; up < levels; ++up) {
      const auto own = join("up_blocks", static_cast<std::int64_t>(up));
      const auto layers = numbering_.layers[levels - 1 - up] + 1;
      for (std::int64_t layer = 0; layer < layers; ++layer, ++block) {
        add_layer(join("output_blocks", block), own, layer);
      }
      if (up + 1 == levels) break;
      const auto slot = numbering_.up_slots[up];
      rename(join(join("output_blocks", block - 1), slot, ".conv.{wb}"), own + ".upsamplers.0.conv.{wb}");
    }
  }

  void add_layer(const std::string& from, const std::string& to, std::int64_t layer) {
    add_residual(from + ".0", join(to + ".resnets", layer));
    add_transformer(from + ".1", join(to + ".attentions", layer));
  }

  void add_residual(const std::string& from, const std::string& to) {
    const std::string spatial = numbering_.video ? ".spatial_res_block" : "";
    add_residual_half(from, to + spatial);
    rename(from + ".skip_connection.{wb}", to + spatial + ".conv_shortcut.{wb}");
    if (!numbering_.video) return;
    add_residual_half(from + ".time_stack", to + ".temporal_res_block");
    rename(from + ".time_mixer.mix_factor", to + ".time_mixer.mix_factor");
  }

  void add_residual_half(const std::string& from, const std::string& to) {
    rename(from + ".in_layers.0.{wb}", to + ".norm1.{wb}");
    rename(from + ".in_layers.2.{wb}", to + ".conv1.{wb}");
    rename(from + ".emb_layers.1.{wb}", to + ".time_emb_proj.{wb}");
    rename(from + ".out_layers.0.{wb}", to + ".norm2.{wb}");
    rename(from + ".out_layers.3.{wb}", to + ".conv2.{wb}");
  }

  void add_transformer(const std::string& from, const std::string& to) {
    rename(from + ".{ends}.{wb}", to + ".{ends}.{wb}");
    add_transformer_block(from + ".transformer_blocks.{k}", to + ".transformer_blocks.{k}");
    if (!numbering_.video) return;
    const auto temporal_from = from + ".time_stack.{k}";
    const auto temporal_to = to + ".temporal_transformer_blocks.{k}";
    add_transformer_block(temporal_from, temporal_to);
    rename(temporal_from + ".norm_in.{wb}", temporal_to + ".norm_in.{wb}");
    rename(temporal_from + ".ff_in.net.0.proj.{wb}", temporal_to + ".ff_in.net.0.proj.{wb}");
    rename(temporal_from + ".ff_in.net.2.{wb}", temporal_to + ".ff_in.net.2.{wb}");
    rename(from + ".time_pos_embed.0.{wb}", to + ".time_pos_embed.linear_1.{wb}");
    rename(from + ".time_pos_embed.2.{wb}", to + ".time_pos_embed.linear_2.{wb}");
    rename(from + ".time_mixer.mix_factor", to + ".time_mixer.mix_factor");
  }

  void add_transformer_block(const std::string& from, const std::string& to) {
    rename(from + ".{ln}.{wb}", to + ".{ln}.{wb}");
    rename(from + ".{at}.{qkv}.weight", to + ".{at}.{qkv}.weight");
    rename(from + ".{at}.to_out.0.{wb}", to + ".{at}.to_out.0.{wb}");
    rename(from + ".ff.net.0.proj.{wb}", to + ".ff.net.0.proj.{wb}");
    rename(from + ".ff.net.2.{wb}", to + ".ff.net.2.{wb}");
  }

  const Numbering& numbering_;
  std::string_view label_;
  std::vector<EmittedRow> rows_;
};

constexpr std::int64_t kMaxBlocks = 1024;

/// What the names say about the running numbers.
struct Seen {
  std::set<std::int64_t> halvings;            // input blocks that halve the resolution
  std::set<std::int64_t> residuals;           // input blocks with a residual block
  std::map<std::int64_t, std::int64_t> slots;  // output blocks with an upsampler, and where it stands
  bool video = false;
};

void look_at(const std::vector<std::string_view>& name, Seen& seen) {
  if (name.size() < 5) return;
  const auto block = parse_index(name[1]);
  const auto slot = parse_index(name[2]);
  if (!block || !slot || *block > kMaxBlocks) return;
  const bool residual = *slot == 0 && name[3] == "in_layers";
  if (name[3] == "time_stack" && *slot == 0) seen.video = true;
  if (name[0] == "input_blocks") {
    if (*slot == 0 && name[3] == "op") seen.halvings.insert(*block);
    if (residual) seen.residuals.insert(*block);
  } else if (name[0] == "output_blocks" && name[3] == "conv") {
    seen.slots[*block] = *slot;
  }
}

/// The slot in which the file has each level's upsampler: behind the attention where there is one, but some converters forget.
void set_slots(const Seen& seen, Numbering& numbering) {
  std::int64_t block = -1;
  for (std::size_t up = 0; up < numbering.layers.size(); ++up) {
    block += numbering.layers[numbering.layers.size() - 1 - up] + 1;
    const auto found = seen.slots.find(block);
    numbering.up_slots.push_back(found == seen.slots.end() ? 1 : std::clamp<std::int64_t>(found->second, 1, 2));
  }
}

}  // namespace

Numbering numbering_of(const std::vector<std::string>& names) {
  Seen seen;
  for (const auto& name : names) look_at(split_segments(name), seen);
  Numbering numbering;
  const auto highest = seen.residuals.empty() ? 0 : *seen.residuals.rbegin();
  std::int64_t first = 1;
  for (const auto halving : seen.halvings) {
    if (halving > highest || halving <= first) continue;
    numbering.layers.push_back(halving - first);
    first = halving + 1;
  }
  if (highest >= first) numbering.layers.push_back(highest - first + 1);
  set_slots(seen, numbering);
  numbering.video = seen.video;
  return numbering;
}

Numbering numbering_of(const Structure& s) {
  Numbering numbering;
  numbering.video = s.video;
  for (const auto& level : s.levels) numbering.layers.push_back(level.layers());
  for (std::size_t up = 0; up < s.levels.size(); ++up) {
    numbering.up_slots.push_back(s.levels[s.levels.size() - 1 - up].up_attends() ? 2 : 1);
  }
  return numbering;
}

std::vector<EmittedRow> ldm_rows(const Numbering& numbering, std::string_view label) {
  return Rows(numbering, label).make();
}

}  // namespace tenon::models::unet
