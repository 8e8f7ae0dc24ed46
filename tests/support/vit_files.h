// The files that each library writes of a ViT of any size, from the libraries' own names: no table of tenon is read.
#pragma once

#include <array>
#include <cstdint>
#include <iosfwd>
#include <random>
#include <string>
#include <vector>

#include <tenon/value.h>

#include "tests/support/lists.h"

namespace tenon::test {

struct VitSize {
  std::array<std::int64_t, 2> patch{16, 16};  // height, width in pixels
  std::array<std::int64_t, 2> grid{14, 14};   // height, width in patches
  std::int64_t channels = 3;
  std::int64_t classes = 0;  // 0: no head
  std::int64_t width = 64;
  std::int64_t depth = 1;
  std::int64_t heads = 1;
  std::int64_t hidden = 256;  // inputs of the MLP's second layer
  std::int64_t registers = 0;
  bool class_token = true;
  bool dist_token = false;
  bool no_embed_class = false;
  bool qkv_bias = true;
  std::string qk_norm = "none";
  bool layer_scale = false;
  bool pre_norm = false;
  bool final_norm = true;
  bool fc_norm = false;
  bool average = false;
  std::string act = "gelu";
  bool rms_norm = false;
  double eps = 1e-6;

  [[nodiscard]] std::int64_t prefix() const { return (class_token ? 1 : 0) + (dist_token ? 1 : 0) + registers; }
  /// Whether the count of positions has one reading as a square grid, the right one.
  [[nodiscard]] bool shows_its_grid() const;
  /// Every config key.
  [[nodiscard]] Config config() const;
  /// The keys whose values no tensor shows.
  [[nodiscard]] Config unseen() const;
};
std::ostream& operator<<(std::ostream& out, const VitSize& size);

/// Who writes a file, and the layout that it then has.
struct VitWriter {
  std::string name;    // "transformers' Dinov2Model"
  std::string layout;  // "transformers"
};
[[nodiscard]] std::vector<VitWriter> vit_writers();
std::ostream& operator<<(std::ostream& out, const VitWriter& writer);

/// A model that this writer's code can build; what the arguments leave open is drawn.
[[nodiscard]] VitSize draw_vit(const VitWriter& writer,
                               std::mt19937& generator,
                               std::array<std::int64_t, 2> patch,
                               std::array<std::int64_t, 2> grid,
                               std::int64_t depth);

/// Names and shapes of what it saves, in no particular order.
[[nodiscard]] std::vector<Placeholder> vit_file(const VitWriter& writer, const VitSize& size);

}  // namespace tenon::test
