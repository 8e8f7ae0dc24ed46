// torch checkpoints from before 0.1.10 as bytes: a tar of pickles and data, valid or spoiled.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace tenon::test {

struct TarFile {
  std::string name;
  std::string content;
  char type = '0';
  std::optional<std::string> size = {};  // in place of the eleven octal digits
  bool wrong_checksum = false;
};

/// ustar headers, contents and the two empty blocks.
[[nodiscard]] std::string tar(const std::vector<TarFile>& files);

/// The parts of a checkpoint {"w": float [2, 2]}.
struct TorchTar {
  std::string system;
  std::string storages;
  std::string tensors;
  std::string pickle;
  TorchTar();
  [[nodiscard]] std::vector<TarFile> files() const;
  [[nodiscard]] std::string bytes() const { return tar(files()); }
};

}  // namespace tenon::test
