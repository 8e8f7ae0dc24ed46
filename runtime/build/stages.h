// Steps that plan_any and load_into share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <tenon/identify.h>
#include <tenon/load.h>

#include "runtime/build/progress.h"

namespace tenon::loading {

struct Opened {
  std::shared_ptr<const Checkpoint> checkpoint;
  std::string part;  // named by the path or by the options; may be empty
};

/// Opens, declines what is only listed (GG-LOAD), and checks the hashes that were asked for.
[[nodiscard]] Result<Opened> open(const std::string& path, const LoadOptions& options, const Progress& progress);
[[nodiscard]] Result<std::shared_ptr<const Tables>> tables_for(const LoadOptions& options);
[[nodiscard]] Result<IdentifyRequest> identify_request(const LoadOptions& options);
/// What --config and --set ask for, in own keys.
[[nodiscard]] Config asked_of(const LoadOptions& options, const Part& part);

/// What the family's tables say a policy may fill or cut when the class count changes.
[[nodiscard]] std::vector<std::string> head_prefixes(const Tables& tables, const std::string& family);
/// plan_any; `forward`: an undecided value that the forward needs is an error and not a warning.
[[nodiscard]] Result<Planned> plan_for(const std::string& path, const LoadOptions& options, bool forward);

/// build, without a word to the log.
[[nodiscard]] Result<Loaded<torch::nn::Module>> build_planned(Planned planned, const LoadOptions& options);

}  // namespace tenon::loading
