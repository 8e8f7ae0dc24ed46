#include "tools/common/preflight.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <vector>

#include <tenon/byte_source.h>
#include <tenon/checkpoint.h>
#include <tenon/identify.h>

#include "runtime/io/output_file.h"
#include "runtime/io/text.h"
#include "tools/common/did_you_mean.h"

namespace tenon::tools {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string>& presets() {
  static const std::vector<std::string> names = {"strict", "lenient", "ignore_mismatched_sizes", "hf-like"};
  return names;
}

std::string suggestion(const std::string& word, const std::vector<std::string>& known) {
  const std::string near = nearest(word, known);
  return near.empty() ? "" : fmt::format("; did you mean {}?", near);
}

Failure usage(const std::string& message, std::string remedy = {}) {
  return fail(ErrorKind::kUsage, "TN-USAGE", message + " [TN-USAGE]", std::move(remedy));
}

bool is_directory(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

Result<void> exists(const std::string& checkpoint) {
  std::error_code ignored;
  if (checkpoint.ends_with("::") && !fs::exists(checkpoint, ignored)) {
    return usage(fmt::format("{}: no part is named behind ::", io::quoted(checkpoint)));
  }
  const std::string path = split_argument(checkpoint).path;
  if (is_directory(path)) return {};
  const auto source = open_file(path);
  if (!source) return tl::unexpected(source.error());
  return {};
}

Result<void> check_variant(const ModelOptions& model) {
  if (model.variant.empty()) return {};
  const std::vector<std::string> known = variant_names(*builtin_tables(), model.family);
  if (known.empty() || std::find(known.begin(), known.end(), model.variant) != known.end()) return {};
  constexpr std::size_t kLongestList = 16;  // ViT has more than a line holds
  const std::string list = known.size() > kLongestList ? "" : fmt::format("; known: {}", fmt::join(known, ", "));
  return usage(fmt::format("--as {}: {} has no such variant{}{}", io::quoted(model.family + "/" + model.variant),
                           model.family, list, suggestion(model.variant, known)));
}

Result<void> check_family(const ModelOptions& model) {
  if (model.family.empty() || !model.tables.empty()) return {};
  const auto builtin = builtin_families();
  const auto named = [&model](const FamilyTables& family) { return family.name == model.family; };
  if (std::any_of(builtin.begin(), builtin.end(), named)) return check_variant(model);
  const std::vector<std::string> known = family_names(*builtin_tables());
  if (std::find(known.begin(), known.end(), model.family) != known.end()) return check_variant(model);
  return usage(fmt::format("--as {}: no such family; known: {}{}", io::quoted(model.family), fmt::join(known, ", "),
                           suggestion(model.family, known)));
}

Result<void> check_readable(const char* option, const std::string& path) {
  if (path.empty()) return {};
  const auto source = open_file(path);
  if (source) return {};
  Error error = source.error();  // with the code of what is wrong with the file
  error.kind = ErrorKind::kUsage;
  error.message = fmt::format("{}: {}", option, error.message);
  return tl::unexpected(std::move(error));
}

Failure unwritable(const std::string& path, std::string_view found) {
  return fail(ErrorKind::kIo, "TN-OUTPUT",
              fmt::format("{}: {}; an output needs a folder that can be written [TN-OUTPUT]", io::escape(path, 200), found));
}

Failure is_input(const char* option, const std::string& path) {
  return usage(fmt::format("{} {} is also an input; the output must be another file", option, io::quoted(path)));
}

std::string parent_of(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

Result<void> check_output(const char* option, const std::string& path, const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) {
    if (!input.empty() && io::same_file(path, input)) return is_input(option, path);
  }
  if (path.empty()) return unwritable(option, "an empty path");
  if (is_directory(path)) return unwritable(path, "a directory");
  const std::string parent = parent_of(path);
  if (!is_directory(parent)) return unwritable(path, "no such folder");
  if (access(parent.c_str(), W_OK) != 0) return unwritable(path, "the folder is not writable");
  return {};
}

std::vector<std::string> input_paths(const Options& options) {
  std::vector<std::string> paths = {options.inputs, options.model.config_path, options.model.policy,
                                    split_argument(options.against).path};
  for (const std::string& checkpoint : options.checkpoints) paths.push_back(split_argument(checkpoint).path);
  for (const auto& partner : options.model.with) paths.push_back(split_argument(partner.second).path);
  std::error_code ignored;
  for (fs::directory_iterator at(options.model.tables, ignored), end; !ignored && at != end; at.increment(ignored)) {
    paths.push_back(at->path().string());
  }
  return paths;
}

// Neither needs to exist yet.
bool is_same_target(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return !a.empty() && !b.empty() && fs::weakly_canonical(fs::absolute(a), ignored) == fs::weakly_canonical(fs::absolute(b), ignored);
}

Result<void> check_page(const Options& options) {
  if (!options.html) return {};
  for (const std::string& output : {options.outputs, options.output}) {
    if (is_same_target(*options.html, output)) {
      return usage(fmt::format("--html {} is the other output too; the page must be a file of its own", io::quoted(output)));
    }
  }
  return check_output("--html", *options.html, input_paths(options));
}

Result<void> check_files(const Options& options) {
  if (options.verb == Verb::kRun) {
    if (auto ok = check_output("--outputs", options.outputs, input_paths(options)); !ok) return ok;
  }
  if (options.verb == Verb::kConvert) {
    if (auto ok = check_output("-o", options.output, input_paths(options)); !ok) return ok;
  }
  if (auto ok = check_page(options); !ok) return ok;
  for (const std::string& checkpoint : options.checkpoints) {
    if (auto ok = exists(checkpoint); !ok) return ok;
  }
  if (!options.against.empty()) {
    if (auto ok = exists(options.against); !ok) return ok;
  }
  for (const auto& partner : options.model.with) {
    if (auto ok = exists(partner.second); !ok) return ok;
  }
  if (auto ok = check_readable("--config", options.model.config_path); !ok) return ok;
  if (auto ok = check_readable("--inputs", options.inputs); !ok) return ok;
  if (!options.model.tables.empty() && !is_directory(options.model.tables)) {
    return usage(fmt::format("--tables {}: no such directory", io::quoted(options.model.tables)));
  }
  return {};
}

/// An index lies beside the shards that it names, that of a pipeline in the pipeline's folder.
bool is_index_of(const Checkpoint& checkpoint, const std::string& path) {
  if (!path.ends_with("index.json") || checkpoint.container != Container::kDirectory) return false;
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return false;
  const std::string folder = parent_of(path);
  return io::same_file(folder, checkpoint.path) ||
         std::any_of(checkpoint.files.begin(), checkpoint.files.end(),
                     [&folder](const CheckpointFile& file) { return io::same_file(folder, parent_of(file.path)); });
}

bool was_read(const Checkpoint& checkpoint, const std::string& path) {
  const auto is_path = [&path](const auto& file) { return io::same_file(file.path, path); };
  return std::any_of(checkpoint.files.begin(), checkpoint.files.end(), is_path) ||
         std::any_of(checkpoint.configs.begin(), checkpoint.configs.end(), is_path) || is_index_of(checkpoint, path);
}

std::vector<std::string> checkpoint_paths(const Options& options) {
  std::vector<std::string> paths = options.checkpoints;
  if (!options.against.empty()) paths.push_back(options.against);
  for (const auto& partner : options.model.with) paths.push_back(partner.second);
  return paths;
}

}  // namespace

Result<void> refuse_overwriting(const char* option, const std::string& output, const Options& options) {
  for (const std::string& path : checkpoint_paths(options)) {
    const auto opened = open_checkpoint(split_argument(path).path);
    if (opened && was_read(**opened, output)) return is_input(option, output);
  }
  return {};
}

Result<Policy> policy_option(const std::string& name_or_path) {
  const auto& names = presets();
  if (std::find(names.begin(), names.end(), name_or_path) != names.end()) return policy_preset(name_or_path);
  const auto source = open_file(name_or_path);
  if (!source) {
    return usage(fmt::format("--policy {} is neither {} nor a file that can be read{}", io::quoted(name_or_path),
                             fmt::join(names, ", "), suggestion(name_or_path, names)));
  }
  constexpr std::uint64_t kLargestPolicy = 1 << 20;
  if ((*source)->size() > kLargestPolicy) {
    return usage(fmt::format("--policy {}: {} bytes; a policy has at most {}", io::quoted(name_or_path), (*source)->size(),
                             kLargestPolicy));
  }
  std::string text((*source)->size(), '\0');
  if (auto read = (*source)->read(0, std::as_writable_bytes(std::span(text))); !read) {
    return tl::unexpected(read.error());
  }
  return parse_policy(name_or_path, text);
}

Result<void> preflight(const Options& options) {
  if (auto policy = policy_option(options.model.policy); !policy) return tl::unexpected(policy.error());
  if (auto ok = check_family(options.model); !ok) return ok;
  return check_files(options);
}

}  // namespace tenon::tools
