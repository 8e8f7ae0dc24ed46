#include "tools/torch/page_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace tenon::tools {
namespace {

// The part of a file's pages that are in memory, from 0 to 1; 1 where it cannot be told.
double resident(int descriptor, std::uint64_t bytes) {
  void* mapped = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, descriptor, 0);
  if (mapped == MAP_FAILED) return 1;
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((bytes + page - 1) / page);
  const bool known = mincore(mapped, bytes, pages.data()) == 0;
  munmap(mapped, bytes);
  if (!known) return 1;
  const auto in_memory = std::count_if(pages.begin(), pages.end(), [](unsigned char p) { return (p & 1U) != 0; });
  return static_cast<double>(in_memory) / static_cast<double>(pages.size());
}

bool drop(const CheckpointFile& file) {
  if (file.bytes == 0) return true;
  const int descriptor = open(file.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  // Dirty pages stay, so they are written first.
  bool dropped = fdatasync(descriptor) == 0 && posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) == 0;
  dropped = dropped && resident(descriptor, file.bytes) < 0.05;
  close(descriptor);
  return dropped;
}

}  // namespace

bool drop_page_cache(const Checkpoint& checkpoint) {
  bool dropped = true;
  for (const CheckpointFile& file : checkpoint.files) dropped = drop(file) && dropped;
  return dropped;
}

std::string file_system(const Checkpoint& checkpoint) {
  struct statfs information {};
  if (checkpoint.files.empty() || statfs(checkpoint.files.front().path.c_str(), &information) != 0) return "unknown";
  switch (static_cast<unsigned long>(information.f_type)) {
    case EXT4_SUPER_MAGIC:
      return "ext4";
    case TMPFS_MAGIC:
      return "tmpfs";
    case OVERLAYFS_SUPER_MAGIC:
      return "overlayfs";
    case BTRFS_SUPER_MAGIC:
      return "btrfs";
    case NFS_SUPER_MAGIC:
      return "nfs";
    case XFS_SUPER_MAGIC:
      return "xfs";
    default:
      return fmt::format("0x{:x}", static_cast<unsigned long>(information.f_type));
  }
}

}  // namespace tenon::tools
