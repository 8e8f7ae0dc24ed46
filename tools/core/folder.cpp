#include "tools/core/folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <system_error>
#include <vector>

#include "runtime/io/text.h"
#include "tools/common/exit_code.h"
#include "tools/core/inspect.h"

namespace tenon::tools {
namespace {

namespace fs = std::filesystem;

// Column by column: file, size, family, variant, layout, note.
using Row = std::array<std::string, 6>;

bool is_hidden(const fs::path& path) { return path.filename().string().rfind('.', 0) == 0; }

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// A file that nobody would take for weights may be anything without anything being wrong.
bool claims_weights(const std::string& path) {
  constexpr std::string_view kEndings[] = {".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".index.json"};
  return std::any_of(std::begin(kEndings), std::end(kEndings), [&path](auto end) { return ends_with(path, end); });
}

Result<std::vector<std::string>> files_below(const std::string& folder) {
  std::error_code failed;
  if (!fs::is_directory(folder, failed)) {
    return fail(ErrorKind::kNotFound, "IO-NOTFOUND",
                fmt::format("{}: no such folder; -r takes a folder [IO-NOTFOUND]", io::escape(folder, 200)));
  }
  std::vector<std::string> paths;
  auto entry = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, failed);
  const fs::recursive_directory_iterator end;
  for (; !failed && entry != end; entry.increment(failed)) {
    std::error_code ignored;
    if (is_hidden(entry->path())) {
      entry.disable_recursion_pending();
    } else if (entry->is_regular_file(ignored)) {
      paths.push_back(entry->path().string());
    }
  }
  if (failed) {
    return fail(ErrorKind::kIo, "IO-READ",
                fmt::format("{}: {}; the folder must be readable [IO-READ]", io::escape(folder, 200), failed.message()));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string human_size(std::uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (size >= 999.5 && unit + 1 < std::size(kUnits)) {
    size /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", size, unit == 0 || size >= 99.95 ? 0 : 1, kUnits[unit]);
}

// The distinct values of a column for the parts of a file, in the parts' order.
std::string join_parts(const Identity& identity, std::string Part::*member) {
  std::vector<std::string> values;
  for (const Part& part : identity.parts) {
    const std::string& value = part.*member;
    if (!value.empty() && std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
  }
  return fmt::format("{}", fmt::join(values, "+"));
}

std::string note(const report::Inspection& inspection) {
  const Identity& identity = *inspection.identity;
  std::vector<std::string> notes;
  for (const Part& part : identity.parts) {
    if (part.family.empty() && !part.nearest.empty()) notes.push_back("nearest: " + part.nearest);
    if (!part.family.empty() && !part.buildable) notes.push_back(part.family + " is not built");
    for (const Undecidable& open : part.undecidable) notes.push_back(open.what + " undecidable");
    for (const Finding& finding : part.findings) notes.push_back(finding.message);
  }
  for (const Finding& finding : identity.findings) notes.push_back(finding.message);
  return fmt::format("{}", fmt::join(notes, "; "));
}

Row make_row(const std::string& path, const report::Inspection& inspection) {
  std::error_code ignored;
  const std::uintmax_t bytes = fs::file_size(path, ignored);
  Row row = {io::escape(path, 400), ignored ? "" : human_size(bytes), "-", "-", "-", ""};
  if (inspection.error) {
    row[5] = claims_weights(path) ? inspection.error->message : "not a checkpoint";
    return row;
  }
  const Identity& identity = *inspection.identity;
  if (auto family = join_parts(identity, &Part::family); !family.empty()) row[2] = family;
  if (auto variant = join_parts(identity, &Part::variant); !variant.empty()) row[3] = variant;
  if (auto layout = join_parts(identity, &Part::layout); !layout.empty()) row[4] = layout;
  if (identity.status != IdentityStatus::kIdentified) {
    row[2] = identity.status == IdentityStatus::kAmbiguous ? "ambiguous" : "unknown";
  }
  row[5] = note(inspection);
  return row;
}

std::string table(const std::vector<Row>& rows) {
  std::array<std::size_t, 5> width{};
  for (const Row& row : rows) {
    for (std::size_t column = 0; column < width.size(); ++column) {
      width[column] = std::max(width[column], row[column].size());
    }
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line = fmt::format("{:<{}}  {:>{}}", row[0], width[0], row[1], width[1]);
    for (std::size_t column = 2; column < width.size(); ++column) {
      line += fmt::format("  {:<{}}", row[column], width[column]);
    }
    line += "  " + row[5];
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

// The files of every index, with the index they belong to: a shard alone is a fragment, not an unknown model.
std::map<std::string, std::string> shards(const std::vector<std::string>& paths) {
  std::map<std::string, std::string> owners;
  for (const std::string& path : paths) {
    if (!ends_with(path, ".index.json")) continue;
    const auto index = open_checkpoint(path);
    if (!index) continue;
    for (const CheckpointFile& file : (*index)->files) {
      if (file.path != path) owners.emplace(fs::path(file.path).lexically_normal().string(), path);
    }
  }
  return owners;
}

}  // namespace

Answer inspect_folder(const Options& options) {
  const auto paths = files_below(options.folder);
  if (!paths) return failure(options, paths.error());
  const auto owners = shards(*paths);
  Answer answer;
  std::vector<Row> rows = {{"FILE", "SIZE", "FAMILY", "VARIANT", "LAYOUT", "NOTE"}};
  std::vector<std::string> documents;
  for (const std::string& path : *paths) {
    const report::Inspection inspection = inspect_checkpoint(path);
    const auto owner = owners.find(fs::path(path).lexically_normal().string());
    const bool counts = owner == owners.end() && (!inspection.error || claims_weights(path));
    if (counts) answer.code = std::max(answer.code, exit_code(inspection));
    if (options.json) {
      documents.push_back(report::to_json(inspection));
      continue;
    }
    rows.push_back(make_row(path, inspection));
    if (owner != owners.end()) rows.back()[5] = "a shard of " + io::escape(owner->second, 400);
  }
  if (options.json) {
    answer.output = report::json_array(documents) + '\n';
  } else if (!options.quiet) {
    answer.output = table(rows);
  }
  return answer;
}

}  // namespace tenon::tools
