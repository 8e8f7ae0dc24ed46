#include <tenon/load.h>

#include "tools/torch/load_options.h"
#include "tools/torch/outcome.h"
#include "tools/torch/verbs.h"

namespace tenon::tools {

Answer load(const Options& options) {
  const auto request = load_options(options);
  if (!request) return outcome(options, std::nullopt, request.error());
  auto loaded = load_any(options.checkpoints.front(), *request);
  if (!loaded) return outcome(options, std::nullopt, loaded.error());
  return outcome(options, std::move(loaded->report), std::nullopt);
}

}  // namespace tenon::tools
