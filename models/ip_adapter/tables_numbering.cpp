#include "models/ip_adapter/numbering.h"

namespace tenon::models {
namespace {

/// Attentions of one level: how many in a row, how many transformer blocks each has.
struct Level {
  std::string_view block;
  int attentions;
  int depth;
  std::int64_t width;
};

constexpr Level kSd15[] = {{"down_blocks.0", 2, 1, 320},
                           {"down_blocks.1", 2, 1, 640},
                           {"down_blocks.2", 2, 1, 1280},
                           {"up_blocks.1", 3, 1, 1280},
                           {"up_blocks.2", 3, 1, 640},
                           {"up_blocks.3", 3, 1, 320},
                           {"mid_block", 1, 1, 1280}};
constexpr Level kSdxl[] = {{"down_blocks.1", 2, 2, 640},
                           {"down_blocks.2", 2, 10, 1280},
                           {"up_blocks.0", 3, 10, 1280},
                           {"up_blocks.1", 3, 2, 640},
                           {"mid_block", 1, 10, 1280}};

template <std::size_t N>
std::vector<NumberedAttention> number(const Level (&levels)[N]) {
  std::vector<NumberedAttention> all;
  for (const Level& level : levels) {
    for (int a = 0; a < level.attentions; ++a) {
      for (int t = 0; t < level.depth; ++t) {
        all.push_back({static_cast<std::int64_t>(2 * all.size() + 1),
                       std::string(level.block) + ".attentions." + std::to_string(a) + ".transformer_blocks." + std::to_string(t),
                       level.width});
      }
    }
  }
  return all;
}

}  // namespace

std::vector<NumberedAttention> numbered_attentions(std::string_view base_model) {
  if (base_model == "sd15") return number(kSd15);
  if (base_model == "sdxl") return number(kSdxl);
  return {};
}

}  // namespace tenon::models
