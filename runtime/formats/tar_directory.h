// The members of a tar file, for the checkpoints that torch wrote before 0.1.10.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tenon/byte_source.h>

namespace tenon::formats {

struct TarMember {
  std::string name;  // at most 100 bytes, as the file has it
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// Regular files under distinct names, in the order of the file. Links, devices, folders, sparse files and records that
/// rename or resize a member are refused, and so is anything but zeros behind the end. Codes LG-TAR-…
[[nodiscard]] Result<std::vector<TarMember>> read_tar_directory(const ByteSource& source);

}  // namespace tenon::formats
