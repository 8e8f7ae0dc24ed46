// What a UNet is made of: the one form that configs, shapes and modules are compared in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/error.h>
#include <tenon/value.h>

namespace tenon::models::unet {

// Far above every published model, far below what could overflow a shape.
inline constexpr std::int64_t kMaxLevels = 12;
inline constexpr std::int64_t kMaxLayers = 64;
inline constexpr std::int64_t kMaxDepth = 1024;
inline constexpr std::int64_t kMaxWidth = 1 << 20;

/// One resolution. Up blocks belong to the level whose width they have, so `levels[0]` is the first down and the last up block.
struct Level {
  std::int64_t width = 0;
  std::int64_t heads = 0;  // 0: unknown
  /// Transformer blocks behind each residual block on the way down and (one more) on the way up. 0: no attention.
  std::vector<std::int64_t> down;
  std::vector<std::int64_t> up;

  [[nodiscard]] std::int64_t layers() const { return static_cast<std::int64_t>(down.size()); }
  [[nodiscard]] bool down_attends() const { return !down.empty() && down.front() > 0; }
  [[nodiscard]] bool up_attends() const { return !up.empty() && up.front() > 0; }
  bool operator==(const Level&) const = default;
};

enum class Mid { kNone, kResidual, kAttention };

/// The second vector that joins the time embedding.
enum class Label {
  kNone,
  kAdded,            // SDXL: pooled text and time ids; video: time ids
  kClassProjection,  // unCLIP: a vector as it is
  kClassEmbedding,   // a class number
};

struct Structure {
  bool video = false;  // UNetSpatioTemporalConditionModel
  std::int64_t in_channels = 4;
  std::int64_t out_channels = 4;
  std::vector<Level> levels;
  Mid mid = Mid::kAttention;
  std::int64_t mid_depth = 1;
  std::int64_t context = 0;  // width of encoder_hidden_states; 0: no attention anywhere
  bool linear_projection = false;
  Label label = Label::kNone;
  std::int64_t label_width = 0;          // values that go in, or classes
  std::int64_t addition_time_width = 0;  // per time id; 0: unknown
  std::int64_t time_cond_width = 0;      // guidance embedding (LCM); 0: none
  bool scale_shift = false;              // the time embedding scales too

  // Not told by shapes.
  std::string act = "silu";
  std::int64_t groups = 32;  // 0: unknown
  double norm_eps = 1e-5;
  bool flip_sin_to_cos = true;
  double freq_shift = 0;
  bool center_input_sample = false;
  std::int64_t downsample_padding = 1;
  double mid_block_scale_factor = 1;

  bool operator==(const Structure&) const = default;
  [[nodiscard]] std::int64_t embedding_width() const { return 4 * levels.front().width; }
  /// Latent height and width are multiples of this.
  [[nodiscard]] std::int64_t latent_multiple() const { return std::int64_t{1} << (levels.size() - 1); }
};

/// Reads diffusers' config keys (the family's own keys); where one is absent, what diffusers takes for it. Head counts,
/// the width of a time id, and norm groups where the usual 32 do not fit, may stay unknown (0): shapes do not need them, forward does. kUsage, code TN-UNET-CONFIG, for
/// values that contradict each other or that this structure has no place for.
[[nodiscard]] Result<Structure> read_structure(const Config& config);

/// The keys that shapes decide, spelled as diffusers spells them.
[[nodiscard]] Config shape_config(const Structure& structure, ConfigOrigin origin);

/// An option of the diffusers class that this structure has no place for, and a value that switches it on.
[[nodiscard]] bool is_unsupported(std::string_view key, const Value& value);

/// What diffusers calls the number of heads: `attention_head_dim` for images (a historic misnomer), `num_attention_heads`
/// for video.
[[nodiscard]] std::string_view heads_key(bool video);

}  // namespace tenon::models::unet
