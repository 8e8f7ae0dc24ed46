// What tenon-torch is: the verbs that need LibTorch, and how the program ends.
#pragma once

#include "tools/common/program.h"

namespace tenon::tools {

/// The answer of the verb that is asked for.
[[nodiscard]] Answer perform_verb(const Options& options);
/// Ends the program.
[[noreturn]] void leave(int code);

}  // namespace tenon::tools
