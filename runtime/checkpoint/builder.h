// Gathers the listings of several files into one checkpoint.
#pragma once

#include <memory>
#include <string>

#include <tenon/checkpoint.h>

#include "runtime/formats/container.h"

namespace tenon {

class CheckpointBuilder {
 public:
  CheckpointBuilder(std::string path, Container container, const Limits& limits);

  /// Takes a file and what it lists; every tensor name and object path gets `prefix`. Gives the file's index.
  Result<std::uint32_t> add(std::shared_ptr<ByteSource> source, formats::Opened&& opened, const std::string& prefix);
  void add_note(std::string code, std::string message);
  void add_config(ConfigText config);
  void add_folder_part(std::string prefix);

  /// Sorts, and refuses a name that two files hold (IX-DUPLICATE) and more bytes than the budget (IX-DATA).
  [[nodiscard]] Result<std::shared_ptr<const Checkpoint>> finish();

 private:
  Result<void> check_budget() const;

  std::shared_ptr<Checkpoint> checkpoint_;
  const Limits& limits_;
  std::uint64_t storages_ = 0;
};

}  // namespace tenon
