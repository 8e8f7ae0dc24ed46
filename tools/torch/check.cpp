#include <tenon/load.h>

#include "tools/torch/load_options.h"
#include "tools/torch/outcome.h"
#include "tools/torch/verbs.h"

namespace tenon::tools {

Answer check(const Options& options) {
  const auto request = load_options(options);
  if (!request) return outcome(options, std::nullopt, request.error());
  auto planned = plan_any(options.checkpoints.front(), *request);
  if (!planned) return outcome(options, std::nullopt, planned.error());
  return outcome(options, std::move(planned->report), std::nullopt, planned->identity.parts[planned->part]);
}

}  // namespace tenon::tools
