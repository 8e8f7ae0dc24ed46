// The restricted pickle reader: a stack machine without calls, imports or attribute access. What a program asks to be
// called is looked up in a fixed list of data constructors (pickle_objects.h); everything else becomes an inert object.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tenon/error.h>
#include <tenon/limits.h>

#include "runtime/formats/pickle_graph.h"

namespace tenon::formats {

/// Where a program comes from, for messages, and what bounds it.
struct PickleSource {
  const std::string& file;
  std::string_view member;   // "data.pkl"; empty for a stream
  std::uint64_t base = 0;    // byte of the program's start in `member` or the file
  const Limits& limits;
  bool persistent_ids = true;  // storages are named by BINPERSID
  bool legacy = false;         // persistent ids have a sixth member and may name modules
  bool whole = true;           // nothing may follow STOP
};

struct PickleRun {
  NodeId root = kNoNode;
  std::size_t consumed = 0;  // bytes up to and including STOP
};

/// Runs `program` into `graph` (made over the same text). Codes PK-…, each naming the byte of the opcode.
[[nodiscard]] Result<PickleRun> run_pickle(std::string_view program, const PickleSource& source, PickleGraph& graph);

}  // namespace tenon::formats
