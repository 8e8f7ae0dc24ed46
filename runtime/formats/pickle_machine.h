// The restricted pickle reader: a stack machine without calls, imports or attribute access. What a program asks to be
// called is looked up in a fixed list of data constructors (pickle_objects.h); everything else becomes an inert object.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tenon/dtype.h>
#include <tenon/error.h>
#include <tenon/limits.h>

#include "runtime/formats/pickle_graph.h"

namespace tenon::formats {

/// A tensor that is described outside the program, which knows it by a key: how torch's tar files do it.
struct OutsideTensor {
  std::string storage;                // its key
  DType dtype = DType::kF32;
  std::uint64_t elements = 0;         // of the storage
  std::uint64_t window_begin = 0;     // the part of the storage that the tensor may use
  std::uint64_t window_elements = 0;
  std::int64_t offset = 0;            // in the window
  std::vector<std::int64_t> size;
  std::vector<std::int64_t> stride;
};
using OutsideTensors = std::unordered_map<std::string, OutsideTensor>;

/// Where a program comes from, for messages, and what bounds it.
struct PickleSource {
  const std::string& file;
  std::string_view member;   // "data.pkl"; empty for a stream
  std::uint64_t base = 0;    // byte of the program's start in `member` or the file
  const Limits& limits;
  bool persistent_ids = true;  // storages are named by BINPERSID
  bool legacy = false;         // persistent ids have a sixth member and may name modules
  bool whole = true;           // nothing may follow STOP
  const OutsideTensors* outside = nullptr;  // persistent ids are keys of these
};

struct PickleRun {
  NodeId root = kNoNode;
  std::size_t consumed = 0;  // bytes up to and including STOP
};

/// Runs `program` into `graph` (made over the same text). Codes PK-…, each naming the byte of the opcode.
[[nodiscard]] Result<PickleRun> run_pickle(std::string_view program, const PickleSource& source, PickleGraph& graph);

}  // namespace tenon::formats
