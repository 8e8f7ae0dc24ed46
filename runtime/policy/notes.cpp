#include "runtime/policy/notes.h"

#include <fmt/format.h>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/io/text.h"
#include "runtime/policy/findings.h"
#include "runtime/value/general_finding.h"
#include "runtime/value/quoted.h"

namespace tenon {
namespace {

void note_ignored(const Checkpoint& checkpoint, const Comparison& compared,
                  std::vector<Finding>& notes) {
  std::map<std::string, std::vector<std::string>> names_by_reason;
  for (const IgnoredTensor& ignored : compared.ignored)
    names_by_reason[ignored.reason].push_back(checkpoint.tensors.at(ignored.tensor).name);
  for (const auto& [reason, names] : names_by_reason) {
    const std::string more = names.size() == 1 ? std::string(" is")
                                               : fmt::format(" and {} more are", names.size() - 1);
    Finding note =
        general_finding("TN-IGNORED", FindingKind::kPolicy, Severity::kNote,
                        fmt::format("{}{} not needed and ignored: {}",
                                    io::quoted(names.front(), 100), more, io::escape(reason, 160)),
                        {});
    note.source = names.front();
    note.action = Action::kKeep;
    notes.push_back(std::move(note));
  }
}

/// "prefix.blocks.0.norm1.bias" is "blocks.0.norm1.bias" under a prefix.
bool ends_with_name(std::string_view name, std::string_view own) {
  return name.ends_with(own) &&
         (name.size() == own.size() || name[name.size() - own.size() - 1] == '.');
}

/// Operations that change more than a name; a reshape keeps every number in its place.
bool is_told(std::string_view op) {
  return op.starts_with("concat") || op.starts_with("transpose") || op.starts_with("split");
}

void note_names(const Part& part, const std::vector<Provenance>& tensors,
                std::vector<Finding>& notes) {
  std::size_t renamed = 0;
  std::map<std::string, std::size_t> made;  // operation -> tensors
  for (const Provenance& tensor : tensors) {
    if (tensor.origin != Origin::kFile) continue;
    if (tensor.from.size() != 1 || !ends_with_name(tensor.from.front(), tensor.target)) ++renamed;
    for (const std::string& op : tensor.ops) {
      if (is_told(op)) ++made[op];
    }
  }
  if (part.layout.empty() || (renamed == 0 && made.empty())) return;
  std::string text =
      fmt::format("the file has {} names: {} of the model's {} tensors have another name there",
                  io::escape(part.layout), renamed, tensors.size());
  for (const auto& [op, count] : made) text += fmt::format(", {} are made by {}", count, op);
  notes.push_back(general_finding("TN-NAMES", FindingKind::kIdentity, Severity::kNote, std::move(text), {}));
}

/// Values that neither a tensor nor a config gave, and that the forward takes all the same.
void note_assumed(const Part& part, std::vector<Finding>& notes) {
  std::vector<std::string> told;
  std::string example;
  for (const Config::Item& item : part.config.items()) {
    if (item.origin != ConfigOrigin::kDefault || item.value.is_null()) continue;
    if (told.empty()) example = item.key + "=" + to_string(item.value);
    told.push_back(fmt::format("{} {}", item.key, quoted(item.value)));
  }
  if (told.empty()) return;
  notes.push_back(general_finding(
      "TN-CONFIG-ASSUMED", FindingKind::kConfig, Severity::kNote,
      fmt::format("no tensor and no config tells {}: the usual value is taken", fmt::join(told, ", ")),
      fmt::format("Give the checkpoint's own config with --config, or another value as in --set {}.", example)));
}

}  // namespace

std::vector<Finding> what_was_put_right(const Checkpoint& checkpoint, const Part& part,
                                        const Comparison& compared,
                                        const std::vector<Provenance>& tensors) {
  std::vector<Finding> notes;
  note_ignored(checkpoint, compared, notes);
  note_names(part, tensors, notes);
  note_assumed(part, notes);
  return notes;
}

}  // namespace tenon
