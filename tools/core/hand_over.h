// Verbs that need LibTorch run in a program of their own, which replaces this one.
#pragma once

#include <tenon/error.h>

namespace tenon::tools {

/// Becomes ../libexec/tenon/tenon-torch (beside this program's folder) with the same arguments. Returns only on failure.
[[nodiscard]] Error hand_over(char** argv);

}  // namespace tenon::tools
