// What a folder's names say: where its weights are, and which configs belong to them.
#pragma once

#include <string>
#include <vector>

#include <tenon/checkpoint.h>

namespace tenon::checkpoint {

/// Names of the entries of a folder, sorted; IX-FOLDER when it cannot be listed.
[[nodiscard]] Result<std::vector<std::string>> list_folder(const std::string& folder);

/// Whether a name ends like a checkpoint (.safetensors, .bin, .pt, .pth, .ckpt, .gguf) or a sharded index.
[[nodiscard]] bool is_checkpoint_name(std::string_view name);

/// "model-00003-of-00007.safetensors" gives "model-", "" for names of another form.
[[nodiscard]] std::string_view shard_family(std::string_view name);

/// The first names, quoted, for a message.
[[nodiscard]] std::string first_of(const std::vector<std::string>& names);

/// The name of a folder's weights or index; empty when it has none. The order: a single safetensors file, a safetensors
/// index, a single .bin, a .bin index, each under transformers', then diffusers', then open_clip's name; the same with a
/// variant (`model.fp16.safetensors`); else the only checkpoint there. Several others are kUsage, IX-SEVERAL.
[[nodiscard]] Result<std::string> find_weights(const std::string& folder, const std::vector<std::string>& names);

/// Configs beside `file` (a name) that may be used: those with its stem, and the folder's own (config.json,
/// config.yaml, open_clip_config.json) where `file` and its shards are the only checkpoints there.
[[nodiscard]] std::vector<std::string> sibling_configs(const std::string& file,
                                                       const std::vector<std::string>& names,
                                                       const std::vector<std::string>& shards);

/// The folder's own configs among `names`.
[[nodiscard]] std::vector<std::string> folder_configs(const std::vector<std::string>& names);

[[nodiscard]] std::string join(const std::string& folder, const std::string& name);
/// The folder part of a path, "." for none.
[[nodiscard]] std::string folder_of(const std::string& path);
[[nodiscard]] std::string name_of(const std::string& path);

}  // namespace tenon::checkpoint
