#include "tools/torch/named_tensors.h"

#include <ATen/ops/empty.h>

#include <cstddef>
#include <span>

#include <tenon/checkpoint.h>
#include <tenon/nn/spec_of.h>

#include "runtime/io/text.h"

namespace tenon::tools {
namespace {

Result<at::Tensor> read(const Checkpoint& file, const TensorEntry& entry) {
  if (!has_scalar_type(entry.dtype)) {
    return io::refuse(ErrorKind::kUsage, "TN-INPUT-DTYPE", {.file = file.path, .tensor = entry.name},
                      std::string(dtype_name(entry.dtype)), "LibTorch has no such element type");
  }
  // Bytes of a bool may be any number in a file; LibTorch takes 0 and 1 only.
  const bool boolean = entry.dtype == DType::kBool;
  at::Tensor tensor = at::empty(entry.shape, boolean ? at::kByte : scalar_type_of(entry.dtype));
  const std::span<std::byte> bytes(static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes());
  if (auto ok = read_tensor(file, entry, bytes); !ok) return tl::unexpected(ok.error());
  return boolean ? tensor.ne(0) : tensor;
}

}  // namespace

Result<NamedTensors> read_inputs(const std::string& path) {
  const auto file = open_checkpoint(path);
  if (!file) {
    Error error = file.error();
    error.kind = ErrorKind::kUsage;
    return tl::unexpected(std::move(error));
  }
  if ((*file)->container != Container::kSafetensors) {
    return io::refuse(ErrorKind::kUsage, "TN-INPUT-FILE", {.file = path},
                      std::string(container_name((*file)->container)), "inputs are read from a safetensors file");
  }
  NamedTensors inputs;
  for (const TensorEntry& entry : (*file)->tensors) {
    auto tensor = read(**file, entry);
    if (!tensor) return tl::unexpected(tensor.error());
    inputs.emplace(entry.name, std::move(*tensor));
  }
  return inputs;
}

}  // namespace tenon::tools
