#include "tools/common/side.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <tenon/identify.h>

#include "runtime/identify/choose_part.h"
#include "runtime/mapping/mapper.h"

namespace tenon::tools {
namespace {

// A checkpoint and the part of it that is compared; no part: it is not identified.
struct Opened {
  std::string path;
  std::shared_ptr<const Checkpoint> checkpoint;
  std::optional<Part> part;
};

Result<Opened> open(const std::string& argument) {
  const CheckpointArgument wanted = split_argument(argument);
  auto checkpoint = open_checkpoint(wanted.path);
  if (!checkpoint) return tl::unexpected(checkpoint.error());
  const auto identity = identify(**checkpoint, *builtin_tables());
  if (!identity) return tl::unexpected(identity.error());
  Opened opened{wanted.path, std::move(*checkpoint), std::nullopt};
  if (identity->status != IdentityStatus::kIdentified && wanted.part.empty()) return opened;
  const auto chosen = choose_part(*identity, wanted.part, "", wanted.path);
  if (!chosen) return tl::unexpected(chosen.error());
  opened.part = identity->parts[*chosen];
  return opened;
}

ComparedTensor as_listed(const Checkpoint& checkpoint, std::uint32_t index) {
  Expr source;
  source.args = {0};
  const TensorEntry& entry = checkpoint.tensors[index];
  return {{entry.dtype, entry.shape}, source, {index}};
}

Side under_file_names(const Opened& opened) {
  Side side{opened.path, opened.checkpoint, {}};
  const Checkpoint& checkpoint = *opened.checkpoint;
  const auto add = [&](std::uint32_t index) {
    side.tensors.emplace(checkpoint.tensors[index].name, as_listed(checkpoint, index));
  };
  if (opened.part) {
    for (const std::uint32_t index : opened.part->tensors) add(index);
  } else {
    for (std::uint32_t index = 0; index < checkpoint.tensors.size(); ++index) add(index);
  }
  return side;
}

Side under_own_names(const Opened& opened) {
  Side side{opened.path, opened.checkpoint, {}};
  const Checkpoint& checkpoint = *opened.checkpoint;
  Mapped mapped = map_part(checkpoint, *opened.part);
  for (MappedTensor& tensor : mapped.tensors) {
    side.tensors.emplace(std::move(tensor.target),
                         ComparedTensor{std::move(tensor.type), std::move(tensor.expr), std::move(tensor.sources)});
  }
  std::vector<std::uint32_t> left = std::move(mapped.unexpected);
  for (const MappingProblem& problem : mapped.problems) {
    std::copy_if(problem.sources.begin(), problem.sources.end(), std::back_inserter(left),
                 [](std::uint32_t source) { return source != kAbsentSource; });
  }
  for (const std::uint32_t index : left) {
    side.tensors.emplace(checkpoint.tensors[index].name, as_listed(checkpoint, index));
  }
  return side;
}

void compare(const std::string& name, const TensorType& a, const TensorType& b, report::Comparison& comparison) {
  if (a.shape != b.shape) {
    comparison.different.push_back({name, "shape", to_string(a.shape), to_string(b.shape), std::nullopt});
  } else if (a.dtype != b.dtype) {
    comparison.different.push_back(
        {name, "dtype", std::string(dtype_name(a.dtype)), std::string(dtype_name(b.dtype)), std::nullopt});
  }
}

}  // namespace

Result<Sides> open_sides(const std::string& a, const std::string& b) {
  const auto opened_a = open(a);
  if (!opened_a) return tl::unexpected(opened_a.error());
  const auto opened_b = open(b);
  if (!opened_b) return tl::unexpected(opened_b.error());
  const auto buildable = [](const Opened& opened) { return opened.part && opened.part->buildable; };
  if (buildable(*opened_a) && buildable(*opened_b)) {
    return Sides{under_own_names(*opened_a), under_own_names(*opened_b), false};
  }
  return Sides{under_file_names(*opened_a), under_file_names(*opened_b), true};
}

report::Comparison compare_types(const Sides& sides) {
  report::Comparison comparison;
  comparison.path_a = sides.a.path;
  comparison.path_b = sides.b.path;
  comparison.by_file_names = sides.by_file_names;
  for (const auto& [name, tensor] : sides.a.tensors) {
    const auto other = sides.b.tensors.find(name);
    if (other == sides.b.tensors.end()) {
      comparison.only_in_a.push_back(name);
      continue;
    }
    ++comparison.matched;
    compare(name, tensor.type, other->second.type, comparison);
  }
  for (const auto& [name, tensor] : sides.b.tensors) {
    if (sides.a.tensors.count(name) == 0) comparison.only_in_b.push_back(name);
  }
  return comparison;
}

}  // namespace tenon::tools
