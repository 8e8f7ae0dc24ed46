#include "tools/core/tensor_way.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <tenon/identify.h>

#include "runtime/identify/choose_part.h"
#include "runtime/identify/file_form.h"
#include "runtime/io/text.h"
#include "runtime/mapping/mapper.h"
#include "tools/common/did_you_mean.h"

namespace tenon::tools {
namespace {

using Own = std::vector<std::pair<std::string, TensorType>>;

NamedType listed(const Checkpoint& checkpoint, std::uint32_t index) {
  const TensorEntry& entry = checkpoint.tensors[index];
  return {entry.name, {entry.dtype, entry.shape}};
}

// Every layout's spelling of the own tensor at `index`; a layout that cannot hold this model is left out.
std::vector<Spelling> spellings(const Part& part, const Own& own, std::uint32_t index) {
  std::vector<Spelling> result;
  for (const std::string& layout : layout_names(*builtin_tables(), part.family)) {
    const auto rows = unmap(*builtin_tables(), part.family, layout, part.config, own);
    if (!rows) continue;
    Spelling spelling{layout, {}, {}};
    const std::string prefix = file_form(*builtin_tables(), part.family, layout).prefix;
    for (const MappedTensor& row : *rows) {
      if (std::find(row.sources.begin(), row.sources.end(), index) == row.sources.end()) continue;
      spelling.tensors.push_back({prefix + row.target, row.type});
      spelling.ops.push_back(describe(row.expr));
    }
    if (!spelling.tensors.empty()) result.push_back(std::move(spelling));
  }
  return result;
}

class Finder {
 public:
  Finder(const Checkpoint& checkpoint, const Part& part)
      : checkpoint_(checkpoint), part_(part), mapped_(map_part(checkpoint, part)) {
    for (const MappedTensor& tensor : mapped_.tensors) own_.emplace_back(tensor.target, tensor.type);
  }

  [[nodiscard]] std::vector<TensorWay> find(const std::string& name) const {
    std::vector<TensorWay> ways;
    for (std::size_t i = 0; i < mapped_.tensors.size(); ++i) {
      const MappedTensor& tensor = mapped_.tensors[i];
      const bool is_source = std::any_of(tensor.sources.begin(), tensor.sources.end(),
                                         [&](std::uint32_t index) { return name_of(index) == name; });
      if (tensor.target == name || is_source) ways.push_back(way(i));
    }
    if (ways.empty()) find_unused(name, ways);
    return ways;
  }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const std::uint32_t index : part_.tensors) result.push_back(name_of(index));
    for (const auto& own : own_) result.push_back(own.first);
    return result;
  }

 private:
  [[nodiscard]] const std::string& name_of(std::uint32_t index) const { return checkpoint_.tensors[index].name; }

  [[nodiscard]] TensorWay way(std::size_t index) const {
    const MappedTensor& tensor = mapped_.tensors[index];
    TensorWay result;
    result.target = tensor.target;
    result.type = tensor.type;
    for (const std::uint32_t source : tensor.sources) result.from.push_back(listed(checkpoint_, source));
    result.ops = describe(tensor.expr);
    result.rule = tensor.rule;
    result.layouts = spellings(part_, own_, static_cast<std::uint32_t>(index));
    return result;
  }

  void add_unused(std::uint32_t index, const std::string& reason, std::vector<TensorWay>& ways) const {
    TensorWay unused;
    unused.from = {listed(checkpoint_, index)};
    unused.reason = reason;
    ways.push_back(std::move(unused));
  }

  void find_unused(const std::string& name, std::vector<TensorWay>& ways) const {
    for (const IgnoredTensor& ignored : mapped_.ignored) {
      if (name_of(ignored.tensor) == name) add_unused(ignored.tensor, "ignored: " + ignored.reason, ways);
    }
    for (const MappingProblem& problem : mapped_.problems) {
      for (const std::uint32_t index : problem.sources) {
        if (index != kAbsentSource && name_of(index) == name) add_unused(index, problem.message, ways);
      }
    }
    for (const std::uint32_t index : mapped_.unexpected) {
      if (name_of(index) == name) add_unused(index, "no row of layout " + part_.layout + " takes this name", ways);
    }
  }

  const Checkpoint& checkpoint_;
  const Part& part_;
  Mapped mapped_;
  Own own_;
};

}  // namespace

Result<Explanation> explain_tensor(const std::string& name, const std::string& argument) {
  const CheckpointArgument wanted = split_argument(argument);
  const auto checkpoint = open_checkpoint(wanted.path);
  if (!checkpoint) return tl::unexpected(checkpoint.error());
  const auto identity = identify(**checkpoint, *builtin_tables());
  if (!identity) return tl::unexpected(identity.error());
  const auto chosen = choose_part(*identity, wanted.part, "", wanted.path);
  if (!chosen) return tl::unexpected(chosen.error());
  const Part& part = identity->parts[*chosen];
  if (!part.bound) {
    return fail(ErrorKind::kIdentity, "TN-UNKNOWN",
                fmt::format("{}: part {} has no mapping; only parts that tenon builds do [TN-UNKNOWN]",
                            io::escape(wanted.path, 200), io::quoted(part.part)),
                "tenon inspect says what it is");
  }
  const Finder finder(**checkpoint, part);
  Explanation explanation{part.family, part.layout, finder.find(name)};
  if (!explanation.ways.empty()) return explanation;
  const std::string near = nearest(name, finder.names());
  return fail(ErrorKind::kUsage, "TN-TENSOR",
              fmt::format("{}: no tensor {}, neither in the file nor in the model{} [TN-TENSOR]",
                          io::escape(wanted.path, 200), io::quoted(name),
                          near.empty() ? "" : fmt::format("; did you mean {}?", io::escape(near, 100))));
}

}  // namespace tenon::tools
