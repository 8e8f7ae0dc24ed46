// The original code keeps its averaged weights under the UNet's names without their dots.
#include <algorithm>
#include <cctype>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "models/unet/ldm.h"
#include "runtime/mapping/pattern.h"

namespace tenon::models::unet {
namespace {

constexpr std::string_view kHead = "diffusion_model";

/// Every word of the original names. One that begins with another stands before it.
constexpr std::string_view kWords[]{
    "input_blocks", "output_blocks", "middle_block", "time_embedding", "time_embed", "label_emb", "cond_proj", "in_layers",
    "emb_layers", "out_layers", "skip_connection", "transformer_blocks", "time_stack", "time_mixer", "time_pos_embed",
    "mix_factor", "proj_in", "proj_out", "proj", "norm_in", "norm1", "norm2", "norm3", "norm", "attn1", "attn2", "to_out",
    "to_q", "to_k", "to_v", "ff_in", "ff", "net", "conv", "op", "out", "weight", "bias"};

/// Two numbers stand behind these, the second of one digit: "110" is block 11, slot 0.
constexpr std::string_view kTwiceNumbered[]{"input_blocks", "output_blocks", "label_emb"};

std::string_view word_at(std::string_view text) {
  const auto* const found =
      std::find_if(std::begin(kWords), std::end(kWords), [&](std::string_view word) { return text.starts_with(word); });
  return found == std::end(kWords) ? std::string_view{} : *found;
}

std::string_view digits_at(std::string_view text) {
  const auto end = std::find_if_not(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

/// "input_blocks110in_layers0weight" -> "input_blocks.11.0.in_layers.0.weight"; empty where the words are not the original's.
std::string with_dots(std::string_view name) {
  std::string out;
  std::string_view word;
  while (!name.empty()) {
    if (!out.empty()) out += '.';
    if (const auto number = digits_at(name); !number.empty()) {
      const bool twice = std::find(std::begin(kTwiceNumbered), std::end(kTwiceNumbered), word) != std::end(kTwiceNumbered);
      if (twice && number.size() > 1) {
        out.append(number.substr(0, number.size() - 1)).append(1, '.');
        out += number.back();
      } else {
        out += number;
      }
      name.remove_prefix(number.size());
    } else {
      word = word_at(name);
      if (word.empty()) return {};
      out += word;
      name.remove_prefix(word.size());
    }
  }
  return out;
}

using Segments = std::vector<std::string_view>;
bool is_open(std::string_view segment) { return segment.starts_with('{'); }

/// What stands in `name` for the open segments ({wb}, {k}) of a row's source; nullopt where the row is another.
std::optional<std::map<std::string_view, std::string_view>> fits(const Segments& source, const Segments& name) {
  if (source.size() != name.size()) return std::nullopt;
  std::map<std::string_view, std::string_view> open;
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (is_open(source[i])) {
      open.emplace(source[i], name[i]);
    } else if (source[i] != name[i]) {
      return std::nullopt;
    }
  }
  return open;
}

std::string filled(const Segments& target, const std::map<std::string_view, std::string_view>& open) {
  std::string out;
  for (const auto segment : target) {
    if (!out.empty()) out += '.';
    out += is_open(segment) ? open.at(segment) : segment;
  }
  return out;
}

/// The rows of the names with dots, cut into segments once.
class Renames {
 public:
  explicit Renames(const std::vector<EmittedRow>& rows) {
    for (const auto& row : rows) rows_.push_back({split_segments(row.sources.front()), split_segments(row.targets.front())});
  }

  /// The own name; empty where no row has it. Of several rows the one that says more in words is meant.
  [[nodiscard]] std::string own_name(std::string_view dotted) const {
    const auto name = split_segments(dotted);
    std::string best;
    std::size_t fewest = name.size() + 1;
    for (const auto& [source, target] : rows_) {
      const auto open = fits(source, name);
      if (!open || open->size() >= fewest) continue;
      fewest = open->size();
      best = filled(target, *open);
    }
    return best;
  }

 private:
  std::vector<std::pair<Segments, Segments>> rows_;
};

}  // namespace

std::vector<EmittedRow> dotless_rows(const std::vector<std::string>& names, std::string_view label) {
  std::vector<std::string> dotted;
  for (const auto& name : names) dotted.push_back(name.starts_with(kHead) ? with_dots(std::string_view(name).substr(kHead.size())) : "");
  const auto rows = ldm_rows(numbering_of(dotted), label);
  const Renames renames(rows);
  std::vector<EmittedRow> out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto own = renames.own_name(dotted[i]);
    if (own.empty()) continue;
    EmittedRow row;
    row.sources.push_back(names[i]);
    row.targets.push_back(std::move(own));
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace tenon::models::unet
