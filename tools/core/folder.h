// inspect -r: a folder of models, one line a file.
#pragma once

#include "tools/common/program.h"

namespace tenon::tools {

/// Every regular file below `options.folder`, sorted by path; hidden files and folders are left out, links to files are
/// followed. A file that is no checkpoint at all (a README, a config) is named as such and does not change the exit code.
[[nodiscard]] Answer inspect_folder(const Options& options);

}  // namespace tenon::tools
