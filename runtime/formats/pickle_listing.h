// From a pickle's values to the flat list of a checkpoint: names joined by dots, tensors, inert objects.
#pragma once

#include <functional>
#include <string_view>

#include "runtime/formats/listing.h"
#include "runtime/formats/pickle_machine.h"

namespace tenon::formats {

/// Where a storage's bytes lie in the file.
struct StoragePlace {
  std::uint64_t offset = 0;
  std::uint32_t crc32 = 0;
  bool has_crc32 = false;
};
/// Gives the place of a storage, or says why its bytes are not there.
using FindStorage = std::function<Result<StoragePlace>(const StorageInfo& storage)>;

struct FlattenOptions {
  bool enter_objects = false;  // TorchScript: a module is an object whose attributes hold the weights
  bool big_endian = false;
};

/// Walks the values from `root` without recursion. A value that contains itself is PK-CYCLE, nesting over the limit
/// PK-NESTING; names and objects count against the program's memory budget. A container met twice is entered twice only
/// where it holds tensors.
[[nodiscard]] Result<Listing> list_pickle(NodeId root,
                                          PickleGraph& graph,
                                          const PickleSource& source,
                                          std::size_t program_bytes,
                                          std::uint64_t file_bytes,
                                          const FindStorage& find_storage,
                                          const FlattenOptions& options);

}  // namespace tenon::formats
