#include "tools/core/inspect.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <tenon/policy.h>

#include "runtime/identify/choose_part.h"
#include "tools/common/exit_code.h"
#include "tools/core/folder.h"

namespace tenon::tools {
namespace {

// Leaves the part that CKPT::part names.
Result<void> select_part(Identity& identity, const CheckpointArgument& wanted) {
  const auto found = choose_part(identity, wanted.part, "", wanted.path);
  if (!found) return tl::unexpected(found.error());
  Part part = std::move(identity.parts[*found]);
  if (!part.family.empty()) identity.status = IdentityStatus::kIdentified;
  identity.parts = {std::move(part)};
  return {};
}

}  // namespace

report::Inspection inspect_checkpoint(const std::string& argument) {
  const CheckpointArgument wanted = split_argument(argument);
  report::Inspection inspection;
  inspection.path = wanted.path;
  auto checkpoint = open_checkpoint(wanted.path);
  if (!checkpoint) {
    inspection.error = checkpoint.error();
    return inspection;
  }
  inspection.checkpoint = *checkpoint;
  auto identity = identify(**checkpoint, *builtin_tables());
  if (!identity) {
    inspection.error = identity.error();
    return inspection;
  }
  inspection.identity = std::move(*identity);
  if (!wanted.part.empty()) {
    if (auto ok = select_part(*inspection.identity, wanted); !ok) inspection.error = ok.error();
  }
  if (inspection.identity->status != IdentityStatus::kIdentified) {
    inspection.diagnosis = diagnose_identity(**checkpoint, *inspection.identity);
  }
  return inspection;
}

int exit_code(const report::Inspection& inspection) {
  if (inspection.error) return exit_code(inspection.error->kind);
  return inspection.identity->status == IdentityStatus::kIdentified ? kDone : kUnidentified;
}

Answer inspect(const Options& options) {
  if (!options.folder.empty()) return inspect_folder(options);
  Answer answer;
  std::vector<std::string> documents;
  for (const std::string& argument : options.checkpoints) {
    const report::Inspection inspection = inspect_checkpoint(argument);
    answer.code = std::max(answer.code, exit_code(inspection));
    if (options.json) {
      documents.push_back(report::to_json(inspection));
      continue;
    }
    if (inspection.error) {
      answer.diagnostics += error_lines(*inspection.error);
    } else if (!options.quiet) {
      if (!answer.output.empty()) answer.output += '\n';
      answer.output += report::to_text(inspection, text_options(options));
    }
  }
  if (options.json) {
    answer.output = (documents.size() == 1 ? documents.front() : report::json_array(documents)) + '\n';
  }
  return answer;
}

}  // namespace tenon::tools
