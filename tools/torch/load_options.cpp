#include "tools/torch/load_options.h"

#include <ATen/Parallel.h>

#include "tools/common/logging.h"
#include "tools/common/preflight.h"
#include "tools/torch/progress.h"

namespace tenon::tools {
namespace {

IoMode io_mode(Io io) {
  switch (io) {
    case Io::kRead:
      return IoMode::kRead;
    case Io::kMmap:
      return IoMode::kMmap;
    case Io::kAuto:
      break;
  }
  return IoMode::kAuto;
}

}  // namespace

Result<LoadOptions> load_options(const Options& options) {
  const ModelOptions& model = options.model;
  if (options.html) {
    if (auto ok = refuse_overwriting("--html", *options.html, options); !ok) return tl::unexpected(ok.error());
  }
  LoadOptions load;
  auto policy = policy_option(model.policy);
  if (!policy) return tl::unexpected(policy.error());
  load.policy = std::move(*policy);
  if (!model.tables.empty()) {
    TablesOptions tables;
    tables.override_dir = model.tables;
    auto loaded = load_tables(tables);
    if (!loaded) return tl::unexpected(loaded.error());
    load.tables = std::move(*loaded);
  }
  load.device = c10::Device(model.device);
  if (load.device.is_cuda()) {
    if (auto enabled = enable_cuda(); !enabled) return tl::unexpected(enabled.error());
  }
  if (model.dtype) load.dtype = dtype_option(*model.dtype);
  load.io = io_mode(model.io);
  load.verify = model.verify;
  load.family = model.family;
  load.variant = model.variant;
  load.config_path = model.config_path;
  load.set = model.set;
  for (const auto& [role, path] : model.with) load.with[role] = path;
  load.sha256 = model.sha256;
  load.log = make_log(options);
  load.progress = make_progress(options);
  if (model.threads > 0) at::set_num_threads(model.threads);
  return load;
}

}  // namespace tenon::tools
