#include "runtime/build/read_back.h"

#include <cstddef>
#include <cstring>
#include <map>
#include <string_view>

#include <tenon/checkpoint.h>

#include "runtime/io/text.h"

namespace tenon::loading {
namespace {

Failure differs(const std::string& path, const std::string& tensor, const std::string& found) {
  return io::refuse(ErrorKind::kIo, "TN-SAVE-READ-BACK", {.file = path, .tensor = tensor}, found,
                    "what was written must read back bit for bit", "Check the disk, then try again.");
}

Result<void> compare(const Checkpoint& checkpoint, const TensorEntry& entry, const std::string& path, const at::Tensor& expected) {
  std::vector<std::byte> bytes(expected.nbytes());
  if (auto read = read_tensor(checkpoint, entry, bytes); !read) return read;
  if (bytes.empty() || std::memcmp(bytes.data(), expected.const_data_ptr(), bytes.size()) == 0) return {};
  return differs(path, entry.name, "other bytes than were written");
}

}  // namespace

Result<void> comes_back(const std::string& written,
                        const std::string& path,
                        const std::vector<TensorToSave>& tensors,
                        const ProduceTensor& produce) {
  const auto opened = open_checkpoint(written);
  if (!opened) return tl::unexpected(opened.error());
  const Checkpoint& checkpoint = **opened;
  std::map<std::string_view, const TensorEntry*> entries;
  for (const TensorEntry& entry : checkpoint.tensors) entries.emplace(entry.name, &entry);
  if (entries.size() != tensors.size()) {
    return differs(path, "", std::to_string(entries.size()) + " tensors, " + std::to_string(tensors.size()) + " were written");
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto found = entries.find(tensors[i].name);
    if (found == entries.end()) return differs(path, tensors[i].name, "not there");
    const TensorEntry& entry = *found->second;
    if (entry.dtype != tensors[i].type.dtype || entry.shape != tensors[i].type.shape) {
      return differs(path, entry.name, std::string(dtype_name(entry.dtype)) + ' ' + to_string(entry.shape));
    }
    const auto expected = produce(i);
    if (!expected) return tl::unexpected(expected.error());
    if (auto same = compare(checkpoint, entry, path, expected->to(at::kCPU).contiguous()); !same) return same;
  }
  return {};
}

}  // namespace tenon::loading
