// Stage "open" over a file, a sharded index or a folder.
#include <algorithm>
#include <filesystem>

#include <simdjson.h>

#include <tenon/checkpoint.h>

#include "runtime/checkpoint/builder.h"
#include "runtime/checkpoint/folder.h"
#include "runtime/checkpoint/shards.h"
#include "runtime/formats/json_begin.h"
#include "runtime/formats/json_check.h"
#include "runtime/io/memory_guard.h"
#include "runtime/io/read_all.h"
#include "runtime/io/text.h"

namespace tenon {
namespace {

using namespace checkpoint;

/// A config that cannot be read is no reason to refuse the weights beside it.
void add_configs(CheckpointBuilder& builder,
                 const std::string& folder,
                 const std::vector<std::string>& names,
                 const Limits& limits) {
  for (const std::string& name : names) {
    const std::string path = join(folder, name);
    auto text = io::read_text_file(path, limits.config_bytes);
    if (text) {
      builder.add_config({path, std::move(*text)});
    } else {
      builder.add_note("IO-CONFIG", text.error().message);
    }
  }
}

struct OpenedFile {
  std::shared_ptr<ByteSource> source;
  formats::Opened opened;
};

Result<OpenedFile> open_one(const std::string& path, const Limits& limits) {
  auto source = open_file(path);
  if (!source) return Failure(source.error());
  auto opened = formats::read_container(**source, limits);
  if (!opened) return Failure(opened.error());
  return OpenedFile{std::move(*source), std::move(*opened)};
}

/// Adds the weights that `file` names, following an index; gives the shards' names.
Result<std::vector<std::string>> add_weights(CheckpointBuilder& builder,
                                             OpenedFile&& file,
                                             const std::string& folder,
                                             const std::string& prefix,
                                             const Limits& limits) {
  if (file.opened.container == Container::kIndex) return add_shards(builder, *file.source, folder, prefix, limits);
  const auto added = builder.add(std::move(file.source), std::move(file.opened), prefix);
  if (!added) return Failure(added.error());
  return std::vector<std::string>{};
}

Result<std::shared_ptr<const Checkpoint>> open_single(const std::string& path, const Limits& limits) {
  auto file = open_one(path, limits);
  if (!file) return Failure(file.error());
  const std::string folder = folder_of(path);
  CheckpointBuilder builder(path, file->opened.container, limits);
  const auto shards = add_weights(builder, std::move(*file), folder, "", limits);
  if (!shards) return Failure(shards.error());
  // A folder that may be entered but not listed only costs the siblings.
  if (const auto names = list_folder(folder)) {
    const bool bare = path.find('/') == std::string::npos;
    add_configs(builder, bare ? "" : folder, sibling_configs(name_of(path), *names, *shards), limits);
  }
  return builder.finish();
}

Failure nothing_here(const std::string& folder) {
  return io::refuse(ErrorKind::kNotFound,
                    "IX-NOTHING",
                    {.file = folder},
                    "the folder holds no checkpoint",
                    "weights, a sharded index or a model_index.json with part folders are required");
}

/// Checkpoints of the folder that were not chosen; of a sharded one only its index.
void note_beside(CheckpointBuilder& builder, const std::string& folder, const std::string& weights, const std::vector<std::string>& names) {
  std::vector<std::string> others;
  for (const std::string& name : names) {
    if (name != weights && is_checkpoint_name(name) && shard_family(name).empty()) others.push_back(name);
  }
  if (others.empty()) return;
  const std::string text = io::quoted(weights, 48) + " is read; beside it and not read: " + first_of(others);
  builder.add_note("IX-BESIDE", io::message_line({.file = folder}, text, "", "IX-BESIDE"));
}

/// The weights of a folder and its configs; false where it has none, as that of a scheduler or a tokenizer.
Result<bool> add_folder(CheckpointBuilder& builder, const std::string& folder, const std::vector<std::string>& names, const std::string& prefix,
                        const Limits& limits) {
  const auto weights = find_weights(folder, names);
  if (!weights) return Failure(weights.error());
  if (weights->empty()) return false;
  auto file = open_one(join(folder, *weights), limits);
  if (!file) return Failure(file.error());
  const auto added = add_weights(builder, std::move(*file), folder, prefix, limits);
  if (!added) return Failure(added.error());
  note_beside(builder, folder, *weights, names);
  add_configs(builder, folder, folder_configs(names), limits);
  return true;
}

Result<std::shared_ptr<const Checkpoint>> open_model_folder(const std::string& folder,
                                                            const std::vector<std::string>& names,
                                                            const Limits& limits) {
  CheckpointBuilder builder(folder, Container::kDirectory, limits);
  const auto added = add_folder(builder, folder, names, "", limits);
  if (!added) return Failure(added.error());
  if (!*added) return nothing_here(folder);
  return builder.finish();
}

/// The parts that model_index.json names: keys whose value is a pair [library, class].
Result<std::vector<std::string>> read_model_index(const std::string& path, const Limits& limits) {
  auto text = io::read_text_file(path, limits.config_bytes);
  if (!text) return Failure(text.error());
  if (const auto fault = formats::find_json_fault(*text, limits.json_depth)) {
    return formats::json_failure(*fault, "IX", path, 0);
  }
  namespace ondemand = simdjson::ondemand;
  const simdjson::padded_string padded(*text);
  ondemand::parser parser;
  ondemand::document document;
  ondemand::object object;
  std::vector<std::string> parts;
  if (formats::begin_json(parser, padded, document) || document.get_object().get(object)) {
    return io::refuse(ErrorKind::kMalformed, "IX-MODEL-INDEX", {.file = path}, "no JSON object", "an object is required");
  }
  for (auto item : object) {
    ondemand::field field;
    std::string_view key;
    ondemand::json_type type{};
    if (std::move(item).get(field) || field.unescaped_key().get(key) || field.value().type().get(type)) break;
    const bool plain = !key.empty() && key.find_first_of("/\\") == std::string_view::npos && key[0] != '.' &&
                       key.find('\0') == std::string_view::npos;
    if (type == ondemand::json_type::array && plain) parts.emplace_back(key);
  }
  return parts;
}

Result<bool> add_part(CheckpointBuilder& builder,
                      const std::string& folder,
                      const std::string& part,
                      const Limits& limits) {
  const auto names = list_folder(folder);
  if (!names) return Failure(names.error());
  const auto added = add_folder(builder, folder, *names, part + ".", limits);
  if (!added) return Failure(added.error());
  if (*added) builder.add_folder_part(part + ".");
  return *added;
}

Result<std::shared_ptr<const Checkpoint>> open_pipeline(const std::string& folder, const Limits& limits) {
  auto parts = read_model_index(join(folder, "model_index.json"), limits);
  if (!parts) return Failure(parts.error());
  std::sort(parts->begin(), parts->end());
  parts->erase(std::unique(parts->begin(), parts->end()), parts->end());
  CheckpointBuilder builder(folder, Container::kDirectory, limits);
  bool any = false;
  for (const std::string& part : *parts) {
    std::error_code ignored;
    const std::string part_folder = join(folder, part);
    if (!std::filesystem::is_directory(part_folder, ignored)) continue;
    const auto added = add_part(builder, part_folder, part, limits);
    if (!added) return Failure(added.error());
    any = any || *added;
  }
  if (!any) return nothing_here(folder);
  return builder.finish();
}

Result<std::shared_ptr<const Checkpoint>> open_any(const std::string& path, const Limits& limits) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) return open_single(path, limits);
  const auto names = list_folder(path);
  if (!names) return Failure(names.error());
  const bool pipeline = std::binary_search(names->begin(), names->end(), "model_index.json");
  return pipeline ? open_pipeline(path, limits) : open_model_folder(path, *names, limits);
}

}  // namespace

Result<std::shared_ptr<const Checkpoint>> open_checkpoint(const std::string& path, const Limits& limits) {
  return io::guard_memory(path, [&] { return open_any(path, limits); });
}

}  // namespace tenon
