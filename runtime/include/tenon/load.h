// The front door of the LibTorch half: plan, load, load_any, load_into.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <torch/nn/module.h>

#include <tenon/family_module.h>
#include <tenon/identify.h>
#include <tenon/log.h>
#include <tenon/policy.h>

namespace [[gnu::visibility("default")]] tenon {

enum class IoMode { kAuto, kRead, kMmap };

struct LoadOptions {
  c10::Device device = c10::kCPU;
  std::optional<DType> dtype;           // nullopt: keep the file's
  Policy policy;                        // strict by default
  IoMode io = IoMode::kAuto;
  bool verify = false;                  // container checksums when mapping (always on when reading)
  std::string family;                   // what it must be; load<M> fills it in
  std::string variant;
  std::string part;                     // beside "path::part"
  std::string config_path;              // native config file
  Config set;                           // single config values
  std::map<std::string, std::string> with;  // partners: role -> path[::part]; an adapter also joins the model
  std::string sha256;                   // of the file; a mismatch is kIntegrity before anything is bound
  std::shared_ptr<const Tables> tables; // null: the embedded ones
  std::vector<FamilyModule> families;   // out-of-tree families
  Limits limits;
  LogFunction log;
  ProgressFunction progress;
  bool audit = true;
  bool forward = true;                  // false: tensors are all that is wanted, a value that only the forward needs may stay open
};

/// Everything up to "decide": what `check` prints. Reads no tensor bytes.
struct Planned {
  std::shared_ptr<const Checkpoint> checkpoint;
  Identity identity;
  std::size_t part = 0;                 // index into identity.parts
  LoadReport report;
  std::optional<LoadPlan> plan;         // absent when refused
  std::shared_ptr<torch::nn::Module> skeleton;  // placeholders only; null when the part is not buildable
  const FamilyModule* family = nullptr;
};

template <class M>
struct Loaded {
  std::shared_ptr<M> model;
  LoadReport report;
};

[[nodiscard]] Result<Planned> plan_any(const std::string& path, const LoadOptions& options = {});
/// Identity and module; `report.family` says which class it is.
[[nodiscard]] Result<Loaded<torch::nn::Module>> load_any(const std::string& path, const LoadOptions& options = {});
/// Builds what plan_any planned. A refused plan is a kRefused error that carries the report.
[[nodiscard]] Result<Loaded<torch::nn::Module>> build(Planned planned, const LoadOptions& options);

/// Fills a module the user already has, all or nothing; names are the module's own unless `rename` (a tables YAML text) maps them.
/// Keeps each parameter's dtype, device and requires_grad.
[[nodiscard]] Result<LoadReport> load_into(torch::nn::Module& module,
                                           const std::string& path,
                                           const LoadOptions& options = {},
                                           const std::string& rename_yaml = {});

/// M is a model class of tenon (tenon::models::Vit, ...), with a static `family()` name.
template <class M>
[[nodiscard]] Result<Loaded<M>> load(const std::string& path, LoadOptions options = {}) {
  options.family = M::family();
  auto any = load_any(path, options);
  if (!any) return tl::unexpected(any.error());
  return Loaded<M>{std::dynamic_pointer_cast<M>(any->model), std::move(any->report)};
}

template <class M>
[[nodiscard]] Result<Planned> plan(const std::string& path, LoadOptions options = {}) {
  options.family = M::family();
  return plan_any(path, options);
}

/// Opens libtorch_cuda.so before any device query; kDevice names the missing library, or says that a host has
/// already cached LibTorch's stub hooks. Idempotent.
[[nodiscard]] Result<void> enable_cuda();

}  // namespace tenon
