// How much of a stranger's file is believed before it is checked. All can be lowered by the caller.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace [[gnu::visibility("default")]] tenon {

struct Limits {
  std::uint64_t safetensors_header_bytes = 100'000'000;
  std::uint64_t tensors_per_file = 262'144;
  std::uint64_t tensors = 4'194'304;
  std::uint64_t name_bytes = 4'096;
  std::uint64_t rank = 64;
  std::uint64_t json_depth = 128;
  std::uint64_t index_bytes = 100'000'000;
  std::uint64_t shards = 10'000;
  std::uint64_t zip_entries = 1'000'000;
  std::uint64_t zip_directory_bytes = 268'435'456;
  std::uint64_t zip_name_bytes = 512;
  std::uint64_t pickle_bytes = 67'108'864;
  std::uint64_t pickle_opcodes = 16'000'000;
  std::uint64_t pickle_objects = 16'000'000;
  std::uint64_t pickle_memo = 8'000'000;
  std::uint64_t pickle_stack = 1'000'000;
  std::uint64_t pickle_nesting = 1'000;
  std::uint64_t pickle_memory_bytes = 536'870'912;
  std::uint64_t config_bytes = 16'777'216;  // native configs, policies, tables
  /// Logical bytes of all tensors; nullopt: the size of the files.
  std::optional<std::uint64_t> data_bytes;
  std::optional<std::chrono::steady_clock::time_point> deadline;
};

}  // namespace tenon
