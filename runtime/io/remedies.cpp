#include "runtime/io/remedies.h"

#include <algorithm>
#include <array>

namespace tenon::io {
namespace {

struct Remedy {
  std::string_view code;
  std::string_view text;
};

constexpr std::string_view kIncomplete = "The file is incomplete: download it again, and compare its size with the source's.";
constexpr std::string_view kWrittenWrongly =
    "Header and data disagree: the file was written wrongly or overwritten. Write it again with a current library, or get a fresh copy.";
constexpr std::string_view kDamaged = "The file is damaged: get a fresh copy and compare its SHA-256 with the source's.";

constexpr std::array kRemedies = {
    Remedy{"IO-NOTFOUND", "Check the path (it is not looked up anywhere else), or download the weights to it."},
    Remedy{"IO-PERMISSION", "Give the user of this process the right to read it."},
    Remedy{"IO-NOTAFILE", "Name a file, a sharded index, or a folder with weights."},
    Remedy{"IO-MEMORY", "The file itself may be sound: free memory, or use a machine with more."},
    Remedy{"IX-NOTHING", "Name the folder or the file that holds the weights."},
    Remedy{"IX-NOT-IN-SHARD", "That shard was altered, or belongs to another version: fetch it again, with the index."},
    Remedy{"PK-LAZY", "Save its resolve_neg() or resolve_conj() in its place."},
    Remedy{"PK-SPARSE", "Save its to_dense() in its place."},
    Remedy{"ST-HEADER-LENGTH", kIncomplete},
    Remedy{"ST-HEADER-LIMIT", "This is no damage: the header is over the limit. Split the file into shards of fewer tensors."},
    Remedy{"ST-PAST-END", kIncomplete},
    Remedy{"ST-SHORT", kIncomplete},
    Remedy{"ST-SIZE", kWrittenWrongly},
    Remedy{"ST-HOLE", kWrittenWrongly},
    Remedy{"ST-OVERLAP", kWrittenWrongly},
    Remedy{"ST-TRAILING", "Padding, or the rest of a longer file that was overwritten: write the tensors again, or get a fresh copy."},
    Remedy{"ST-DTYPE", "Get the file in a dtype that this release knows (the F16 or BF16 one), or a newer release."},
    Remedy{"ZP-END", kIncomplete},
    Remedy{"ZP-NO-PICKLE", "Give the checkpoint itself: where this archive holds one, unpack the archive first."},
    Remedy{"TS-ZEROS", kDamaged},
};

}  // namespace

std::string_view remedy_for(std::string_view code, ErrorKind kind) {
  const auto known = std::find_if(kRemedies.begin(), kRemedies.end(), [&](const Remedy& remedy) { return remedy.code == code; });
  if (known != kRemedies.end()) return known->text;
  return kind == ErrorKind::kMalformed ? kDamaged : std::string_view();
}

}  // namespace tenon::io
