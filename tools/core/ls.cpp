#include "tools/core/ls.h"

#include <fnmatch.h>

#include <algorithm>
#include <numeric>

#include "tools/common/exit_code.h"
#include "tools/core/inspect.h"

namespace tenon::tools {
namespace {

// The tensors to choose from: all, or those of the part that CKPT::part names.
std::vector<std::uint32_t> candidates(const report::Inspection& inspection, bool part_named) {
  if (part_named) {
    std::vector<std::uint32_t> tensors = inspection.identity->parts.front().tensors;
    std::sort(tensors.begin(), tensors.end());
    return tensors;
  }
  std::vector<std::uint32_t> all(inspection.checkpoint->tensors.size());
  std::iota(all.begin(), all.end(), 0U);
  return all;
}

report::Inspection open(const std::string& argument, bool part_named) {
  if (part_named) return inspect_checkpoint(argument);
  report::Inspection inspection;
  auto checkpoint = open_checkpoint(inspection.path = argument);
  if (checkpoint) {
    inspection.checkpoint = *checkpoint;
  } else {
    inspection.error = checkpoint.error();
  }
  return inspection;
}

}  // namespace

Answer ls(const Options& options) {
  const CheckpointArgument wanted = split_argument(options.checkpoints.front());
  const bool part_named = !wanted.part.empty();
  const report::Inspection inspection = open(options.checkpoints.front(), part_named);

  report::Listing listing;
  listing.path = wanted.path;
  listing.checkpoint = inspection.checkpoint;
  listing.error = inspection.error;
  if (!listing.error) {
    for (const std::uint32_t index : candidates(inspection, part_named)) {
      const std::string& name = inspection.checkpoint->tensors[index].name;
      const bool listed = options.filter.empty() || fnmatch(options.filter.c_str(), name.c_str(), 0) == 0;
      if (listed) listing.tensors.push_back(index);
    }
  }

  Answer answer;
  answer.code = listing.error ? exit_code(listing.error->kind) : kDone;
  if (options.json) {
    answer.output = report::to_json(listing) + '\n';
  } else if (listing.error) {
    answer.diagnostics = error_lines(*listing.error);
  } else if (!options.quiet) {
    answer.output = report::to_text(listing, text_options(options));
  }
  return answer;
}

}  // namespace tenon::tools
