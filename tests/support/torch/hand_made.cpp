#include "tests/support/torch/hand_made.h"

#include <algorithm>
#include <cstring>
#include <sstream>

#include <nlohmann/json.hpp>

#include <tenon/nn/spec_of.h>

#include "tests/support/safetensors_bytes.h"

namespace tenon::test {

Result<void> FaultySource::read(std::uint64_t offset, std::span<std::byte> out) const {
  if (left_ == 0 || offset + out.size() > bytes_.size()) {
    return fail(ErrorKind::kIo, "IO-READ", name_ + ": the file ended early [IO-READ]");
  }
  --left_;
  std::memcpy(out.data(), bytes_.data() + offset, out.size());
  return {};
}

Checkpoint checkpoint_of(const std::vector<NamedTensor>& tensors, const MakeSource& source) {
  Checkpoint checkpoint;
  checkpoint.path = "hand-made";
  std::string bytes;
  for (const auto& [name, tensor] : tensors) {
    bytes.resize((bytes.size() + 63) / 64 * 64);
    const auto data = tensor.contiguous();
    TensorEntry entry;
    entry.name = name;
    entry.dtype = dtype_of(data.scalar_type());
    entry.shape = data.sizes().vec();
    entry.offset = entry.storage_offset = bytes.size();
    entry.bytes = entry.storage_bytes = data.nbytes();
    entry.storage = checkpoint.tensors.size();
    bytes.append(static_cast<const char*>(data.data_ptr()), data.nbytes());
    checkpoint.tensors.push_back(std::move(entry));
  }
  std::sort(checkpoint.tensors.begin(), checkpoint.tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  CheckpointFile file;
  file.path = "hand-made";
  file.bytes = bytes.size();
  file.source = source ? source(bytes) : memory_source("hand-made", bytes);
  checkpoint.files.push_back(std::move(file));
  return checkpoint;
}

std::string safetensors_of(const std::vector<NamedTensor>& tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const auto bytes = tensor.contiguous();
    const auto begin = data.size();
    data.append(static_cast<const char*>(bytes.data_ptr()), bytes.nbytes());
    header[name] = {{"dtype", dtype_name(dtype_of(bytes.scalar_type()))},
                    {"shape", bytes.sizes().vec()},
                    {"data_offsets", {begin, data.size()}}};
  }
  auto text = header.dump();
  text.resize((text.size() + 8 + 63) / 64 * 64 - 8, ' ');
  return little(text.size()) + text + data;
}

std::string write_tensors(const TempDir& folder, const std::vector<NamedTensor>& tensors, const std::string& name) {
  return folder.write(name, safetensors_of(tensors));
}

LoadOptions reading() {
  LoadOptions options;
  options.io = IoMode::kRead;
  return options;
}

LoadPlan plan_by_name(const torch::nn::Module& module, const Checkpoint& checkpoint) {
  LoadPlan plan;
  for (const auto& expected : spec_of(module).tensors) {
    const auto* const entry = checkpoint.find(expected.name);
    if (!entry) continue;
    PlanStep step;
    step.target = expected.name;
    step.aliases = expected.aliases;
    step.sources = {static_cast<std::uint32_t>(entry - checkpoint.tensors.data())};
    step.expr.args = {0};
    step.type = {entry->dtype, entry->shape};
    step.buffer = expected.buffer;
    plan.bytes_to_read += entry->bytes;
    plan.steps.push_back(std::move(step));
  }
  return plan;
}

std::string fingerprint(const torch::nn::Module& module) {
  std::ostringstream text;
  const auto add = [&](const auto& items) {
    for (const auto& item : items) {
      const auto& tensor = item.value();
      text << item.key() << ' ' << tensor.unsafeGetTensorImpl() << ' ' << tensor.storage().unsafeGetStorageImpl() << ' '
           << tensor.data_ptr() << ' ' << tensor.scalar_type() << tensor.sizes() << tensor.strides() << ' ' << tensor.device() << ' '
           << tensor._version() << ' ' << tensor.requires_grad() << ' ';
      const auto& storage = tensor.storage();
      if (storage.device().is_cpu()) {
        text << std::string(static_cast<const char*>(storage.data()), storage.nbytes());
      }
      text << '\n';
    }
  };
  add(module.named_parameters());
  add(module.named_buffers());
  return text.str();
}

}  // namespace tenon::test
