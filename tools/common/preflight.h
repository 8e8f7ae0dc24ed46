// What can be refused before a program that needs LibTorch is started, and before anything is opened for writing.
#pragma once

#include <string>

#include <tenon/error.h>
#include <tenon/policy.h>

#include "tools/common/options.h"

namespace tenon::tools {

/// Paths exist, the policy reads, the family exists, the output is not an input and its folder can be written.
[[nodiscard]] Result<void> preflight(const Options& options);
/// kUsage where the output is a file that a checkpoint of the command consists of: weights, an index, a configuration
/// beside them. A checkpoint that cannot be opened is left to the verb that needs it.
[[nodiscard]] Result<void> refuse_overwriting(const char* option, const std::string& output, const Options& options);
/// A preset's name or a policy file (YAML or JSON). Every failure is kUsage.
[[nodiscard]] Result<Policy> policy_option(const std::string& name_or_path);

}  // namespace tenon::tools
