#include "runtime/build/integrity.h"

#include <algorithm>
#include <cctype>

#include "runtime/io/sha256.h"
#include "runtime/io/text.h"

namespace tenon::loading {
namespace {

constexpr const char* kRemedy = "get the file again from where the hash was published, or correct the hash";

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

Result<void> check_file(const CheckpointFile& file, const std::string& expected, const Progress& progress) {
  const auto step = [&](std::uint64_t done) { return progress.report("open", done, file.source->size()); };
  const auto found = io::sha256_of(*file.source, step);
  if (!found) return tl::unexpected(found.error());
  if (*found == lower(expected)) return {};
  return io::refuse(ErrorKind::kIntegrity,
                    "TN-SHA256",
                    {.file = file.path},
                    "its SHA-256 is " + *found,
                    "it must be " + io::escape(lower(expected)),
                    kRemedy);
}

Failure not_listed(const CheckpointFile& file) {
  return io::refuse(ErrorKind::kIntegrity,
                    "TN-SHA256",
                    {.file = file.path},
                    "the policy lists hashes and none of " + io::quoted(base_name(file.path)),
                    "every file of the checkpoint must be listed",
                    "list the hash of this file too, under expect: sha256: of the policy");
}

}  // namespace

Result<void> check_sha256(const Checkpoint& checkpoint,
                          const std::string& sha256,
                          const std::map<std::string, std::string>& by_name,
                          const Progress& progress) {
  if (!sha256.empty()) {
    if (checkpoint.files.size() != 1) {
      return io::refuse(ErrorKind::kUsage,
                        "TN-SHA256",
                        {.file = checkpoint.path},
                        std::to_string(checkpoint.files.size()) + " files",
                        "one hash is of one file",
                        "list the hashes under expect: sha256: in a policy file");
    }
    if (auto same = check_file(checkpoint.files.front(), sha256, progress); !same) return same;
  }
  if (by_name.empty()) return {};
  for (const auto& file : checkpoint.files) {
    if (!by_name.contains(base_name(file.path))) return not_listed(file);
  }
  for (const auto& file : checkpoint.files) {
    if (auto same = check_file(file, by_name.at(base_name(file.path)), progress); !same) return same;
  }
  return {};
}

}  // namespace tenon::loading
