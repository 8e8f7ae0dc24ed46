#include "tools/torch/companions.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <tenon/nn/spec_of.h>

#include "runtime/identify/file_form.h"
#include "runtime/io/text.h"
#include "runtime/value/general_finding.h"

namespace tenon::tools {
namespace {

const std::string* place_of(const FileForm& form, const std::string& part) {
  const auto found = std::find_if(form.beside.begin(), form.beside.end(), [&](const auto& beside) { return beside.first == part; });
  return found == form.beside.end() ? nullptr : &found->second;
}

/// The name behind the level that names the part: a part in its first spelling stands behind a dict or a prefix of its own name.
std::string_view bare_name(std::string_view name, const Part& part) {
  const std::string level = part.part + '.';
  const auto at = name.find(level);
  return at != std::string_view::npos && (at == 0 || name[at - 1] == '.') ? name.substr(at + level.size()) : name;
}

/// The part that is converted is no companion of itself.
std::vector<const Part*> others(const Planned& planned) {
  std::vector<const Part*> parts;
  for (std::size_t i = 0; i < planned.identity.parts.size(); ++i) {
    if (i != planned.part) parts.push_back(&planned.identity.parts[i]);
  }
  return parts;
}

}  // namespace

std::vector<Companion> companions(const Planned& planned, const FileForm& form, std::optional<DType> dtype) {
  std::vector<Companion> all;
  for (const Part* part : others(planned)) {
    const std::string* place = place_of(form, part->part);
    if (place == nullptr) continue;
    for (const std::uint32_t index : part->tensors) {
      const TensorEntry& entry = planned.checkpoint->tensors[index];
      const bool casts = dtype && dtype_kind(entry.dtype) == DTypeKind::kFloat;
      all.push_back({index, *place + std::string(bare_name(entry.name, *part)), {casts ? *dtype : entry.dtype, entry.shape}});
    }
  }
  return all;
}

Result<at::Tensor> read_companion(const Checkpoint& checkpoint, const Companion& companion, loading::SourceReader& reader) {
  if (auto sound = reader.check(companion.tensor); !sound) return tl::unexpected(sound.error());
  const TensorEntry& entry = checkpoint.tensors[companion.tensor];
  at::Tensor tensor = at::empty(entry.shape, at::TensorOptions().dtype(scalar_type_of(entry.dtype)));
  const auto read = read_tensor(checkpoint, entry, {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()});
  if (!read) return tl::unexpected(read.error());
  return tensor.to(scalar_type_of(companion.type.dtype));
}

std::vector<Finding> left_out(const Tables& tables, const Planned& planned, const FileForm& form, const std::string& layout) {
  std::vector<Finding> findings;
  for (const Part* part : others(planned)) {
    if (place_of(form, part->part) != nullptr || !is_kept_beside(tables, planned.report.family, part->part)) continue;
    Finding finding = general_finding(
        "TN-CONVERT-PART", FindingKind::kContainer, Severity::kWarning,
        fmt::format("part {} ({} tensors) is not written: the layout {} has no place for it [TN-CONVERT-PART]",
                    io::escape(part->part, 64), part->tensors.size(), layout),
        "Convert to a layout that keeps it, or write it to a file of its own.");
    finding.action = Action::kDrop;
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace tenon::tools
