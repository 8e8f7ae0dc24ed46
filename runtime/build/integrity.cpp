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

Result<void> check_file(const CheckpointFile& file, const std::string& expected) {
  const auto found = io::sha256_of(*file.source);
  if (!found) return tl::unexpected(found.error());
  if (*found == lower(expected)) return {};
  return io::refuse(ErrorKind::kIntegrity,
                    "TN-SHA256",
                    {.file = file.path},
                    "its SHA-256 is " + *found,
                    "it must be " + io::escape(lower(expected)),
                    kRemedy);
}

}  // namespace

Result<void> check_sha256(const Checkpoint& checkpoint,
                          const std::string& sha256,
                          const std::map<std::string, std::string>& by_name) {
  if (!sha256.empty()) {
    if (checkpoint.files.size() != 1) {
      return io::refuse(ErrorKind::kUsage,
                        "TN-SHA256",
                        {.file = checkpoint.path},
                        std::to_string(checkpoint.files.size()) + " files",
                        "one hash is of one file",
                        "list the hashes under expect: sha256: in a policy file");
    }
    if (auto same = check_file(checkpoint.files.front(), sha256); !same) return same;
  }
  bool listed = by_name.empty();
  for (const auto& file : checkpoint.files) {
    const auto expected = by_name.find(base_name(file.path));
    if (expected == by_name.end()) continue;
    listed = true;
    if (auto same = check_file(file, expected->second); !same) return same;
  }
  if (listed) return {};
  return io::refuse(ErrorKind::kIntegrity,
                    "TN-SHA256",
                    {.file = checkpoint.path},
                    "the policy's hashes name other files than " + io::quoted(base_name(checkpoint.files.front().path)),
                    "a file of the checkpoint must be among them",
                    kRemedy);
}

}  // namespace tenon::loading
