// Checkpoints and plans made by hand, so that a build can be tested without tables and fail wherever a test wants.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <tenon/checkpoint.h>
#include <tenon/load.h>
#include <tenon/policy.h>

#include "tests/support/temp_dir.h"

namespace tenon::test {

/// Bytes in memory whose reads fail from the k-th on, as a disk's would.
class FaultySource : public ByteSource {
 public:
  FaultySource(std::string bytes, std::uint64_t good_reads) : bytes_(std::move(bytes)), left_(good_reads) {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  [[nodiscard]] Result<void> read(std::uint64_t offset, std::span<std::byte> out) const override;

 private:
  std::string name_ = "faulty";
  std::string bytes_;
  mutable std::atomic<std::uint64_t> left_;
};

/// One file that holds these tensors in order, each on a boundary of 64 bytes; `source` gets its bytes.
struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};
using MakeSource = std::function<std::shared_ptr<ByteSource>(std::string bytes)>;
[[nodiscard]] Checkpoint checkpoint_of(const std::vector<NamedTensor>& tensors, const MakeSource& source = {});

/// The same tensors as the bytes of a safetensors file, data aligned to 64 bytes.
[[nodiscard]] std::string safetensors_of(const std::vector<NamedTensor>& tensors);

/// Written as a safetensors file of that name; gives its path.
std::string write_tensors(const TempDir& folder, const std::vector<NamedTensor>& tensors, const std::string& name = "model.safetensors");

/// Options under which a load reads and never maps.
[[nodiscard]] LoadOptions reading();

/// A plan that gives every tensor of the module the checkpoint's tensor of the same name, in the file's dtype.
[[nodiscard]] LoadPlan plan_by_name(const torch::nn::Module& module, const Checkpoint& checkpoint);

/// Everything that a failed load must leave alone: pointers, bytes, dtypes, shapes, strides, versions.
[[nodiscard]] std::string fingerprint(const torch::nn::Module& module);

}  // namespace tenon::test
