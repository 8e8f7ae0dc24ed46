// The kernel's cache of a checkpoint's files: cold loads need it empty.
#pragma once

#include <tenon/checkpoint.h>

namespace tenon::tools {

/// Asks the kernel to forget the files' pages; whether less than a twentieth of them stayed. Needs no privilege, and
/// fails where somebody maps the files or the file system keeps its own pages (tmpfs).
[[nodiscard]] bool drop_page_cache(const Checkpoint& checkpoint);
/// "ext2/ext3/ext4", "overlayfs", "tmpfs", ... of the first file.
[[nodiscard]] std::string file_system(const Checkpoint& checkpoint);

}  // namespace tenon::tools
