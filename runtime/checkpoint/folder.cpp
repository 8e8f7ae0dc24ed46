#include "runtime/checkpoint/folder.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "runtime/io/errno_text.h"
#include "runtime/io/shard_name.h"
#include "runtime/io/text.h"

namespace tenon::checkpoint {
namespace {

constexpr std::array<std::string_view, 6> kWeightExtensions = {".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf"};
constexpr std::string_view kIndexSuffix = ".index.json";
constexpr std::array<std::string_view, 4> kFolderConfigs = {
  "config.json", "config.yaml", "config.yml", "open_clip_config.json"};

/// Names that libraries give to the weights of a folder, best first: stem and extension, so that a variant fits between.
struct KnownWeights {
  std::string_view stem;
  std::string_view extension;
};
constexpr std::array<KnownWeights, 6> kKnownWeights = {{
  {"model", ".safetensors"},
  {"diffusion_pytorch_model", ".safetensors"},
  {"open_clip_model", ".safetensors"},
  {"pytorch_model", ".bin"},
  {"diffusion_pytorch_model", ".bin"},
  {"open_clip_pytorch_model", ".bin"},
}};

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// "model" + ".fp16" + ".safetensors": the one word between is the variant.
bool is_variant_of(const KnownWeights& known, std::string_view name) {
  if (!name.starts_with(known.stem) || !name.ends_with(known.extension)) return false;
  if (name.size() <= known.stem.size() + known.extension.size()) return false;
  const std::string_view middle = name.substr(known.stem.size(), name.size() - known.stem.size() - known.extension.size());
  return middle.size() > 1 && middle[0] == '.' && middle.find('.', 1) == std::string_view::npos &&
         middle.find('-') == std::string_view::npos;
}

std::string known_weights(const std::vector<std::string>& names) {
  for (const std::string_view extension : {".safetensors", ".bin"}) {
    for (const std::string_view suffix : {std::string_view{}, kIndexSuffix}) {
      for (const KnownWeights& known : kKnownWeights) {
        if (known.extension != extension) continue;
        const std::string name = std::string(known.stem) + std::string(extension) + std::string(suffix);
        if (contains(names, name)) return name;
      }
    }
  }
  for (const KnownWeights& known : kKnownWeights) {
    const auto variant =
      std::find_if(names.begin(), names.end(), [&](const auto& name) { return is_variant_of(known, name); });
    if (variant != names.end()) return *variant;
  }
  return {};
}

std::string_view stem_of(std::string_view name) {
  if (name.ends_with(kIndexSuffix)) name.remove_suffix(kIndexSuffix.size());
  for (const std::string_view extension : kWeightExtensions) {
    if (name.ends_with(extension)) return name.substr(0, name.size() - extension.size());
  }
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? name : name.substr(0, dot);
}

}  // namespace

Result<std::vector<std::string>> list_folder(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) {
    const bool denied = error == std::errc::permission_denied;
    return io::refuse(denied ? ErrorKind::kPermission : ErrorKind::kIo,
                      "IX-FOLDER",
                      {.file = folder},
                      "the folder cannot be listed: " + io::errno_text(error.value()),
                      "");
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool is_checkpoint_name(std::string_view name) {
  if (name.starts_with('.')) return false;
  if (name.ends_with(kIndexSuffix)) return true;
  return std::any_of(kWeightExtensions.begin(), kWeightExtensions.end(), [&](auto e) { return name.ends_with(e); });
}

std::string_view shard_family(std::string_view name) {
  const auto of = name.rfind("-of-");
  if (of == std::string_view::npos || of == 0) return {};
  const auto digits = name.find_last_not_of("0123456789", of - 1);
  return digits == std::string_view::npos || digits + 1 == of ? std::string_view{} : name.substr(0, digits + 1);
}

std::string first_of(const std::vector<std::string>& names) {
  std::string listed;
  for (std::size_t i = 0; i < names.size() && i < 5; ++i) listed += (i == 0 ? "" : ", ") + io::quoted(names[i], 48);
  return names.size() > 5 ? listed + ", ..." : listed;
}

Result<std::string> find_weights(const std::string& folder, const std::vector<std::string>& names) {
  if (const std::string known = known_weights(names); !known.empty()) return known;
  std::vector<std::string> indexes;
  std::vector<std::string> files;
  for (const std::string& name : names) {
    if (is_checkpoint_name(name)) (name.ends_with(kIndexSuffix) ? indexes : files).push_back(name);
  }
  if (indexes.size() == 1) return indexes.front();
  if (files.empty() && indexes.empty()) return std::string{};
  if (files.size() == 1 && indexes.empty()) return files.front();
  const bool is_split = indexes.empty() && std::all_of(files.begin(), files.end(), [](const auto& name) { return io::shard_of(name).has_value(); });
  files.insert(files.begin(), indexes.begin(), indexes.end());
  return io::refuse(ErrorKind::kUsage,
                    "IX-SEVERAL",
                    {.file = folder},
                    std::to_string(files.size()) + " checkpoints: " + first_of(files),
                    "one must be meant",
                    is_split ? "These are shards without their index, which says what lies where: get the .index.json of the same source too."
                             : "Give the file in place of its folder.");
}

std::vector<std::string> sibling_configs(const std::string& file,
                                         const std::vector<std::string>& names,
                                         const std::vector<std::string>& shards) {
  std::vector<std::string> configs;
  const std::string stem(stem_of(file));
  for (const std::string_view extension : {".json", ".yaml", ".yml"}) {
    const std::string name = stem + std::string(extension);
    if (name != file && contains(names, name)) configs.push_back(name);
  }
  const bool alone = std::none_of(names.begin(), names.end(), [&](const std::string& name) {
    return name != file && is_checkpoint_name(name) && !contains(shards, name);
  });
  if (!alone) return configs;
  for (const std::string& name : folder_configs(names)) {
    if (name != file && !contains(configs, name)) configs.push_back(name);
  }
  return configs;
}

std::vector<std::string> folder_configs(const std::vector<std::string>& names) {
  std::vector<std::string> configs;
  for (const std::string_view name : kFolderConfigs) {
    if (contains(names, name)) configs.emplace_back(name);
  }
  return configs;
}

std::string join(const std::string& folder, const std::string& name) {
  return folder.empty() || folder.ends_with('/') ? folder + name : folder + "/" + name;
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

}  // namespace tenon::checkpoint
