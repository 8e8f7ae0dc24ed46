#include <tenon/load.h>

#include "runtime/build/logged.h"
#include "runtime/build/stages.h"
#include "tools/torch/load_options.h"
#include "tools/torch/outcome.h"
#include "tools/torch/verbs.h"

namespace tenon::tools {

// load_any in its two steps, so that what the plan knew of the part's evidence outlives them.
Answer load(const Options& options) {
  const auto request = load_options(options);
  if (!request) return outcome(options, std::nullopt, request.error());
  const std::string& path = options.checkpoints.front();
  auto planned = loading::plan_for(path, *request, /*forward=*/true);
  if (!planned) return outcome(options, std::nullopt, loading::logged(request->log, path, std::move(planned)).error());
  Part part = planned->identity.parts[planned->part];
  auto loaded = build(std::move(*planned), *request);
  if (!loaded) return outcome(options, std::nullopt, loaded.error(), std::move(part));
  return outcome(options, std::move(loaded->report), std::nullopt, std::move(part));
}

}  // namespace tenon::tools
