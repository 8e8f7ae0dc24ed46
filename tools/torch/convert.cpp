#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>

#include <tenon/load.h>
#include <tenon/nn/spec_of.h>

#include "runtime/build/apply.h"
#include "runtime/build/guard.h"
#include "runtime/build/save.h"
#include "runtime/io/text.h"
#include "tools/common/did_you_mean.h"
#include "tools/common/interrupt.h"
#include "tools/common/preflight.h"
#include "tools/torch/layout_values.h"
#include "tools/torch/load_options.h"
#include "tools/torch/outcome.h"
#include "tools/torch/progress.h"
#include "tools/torch/verbs.h"

namespace tenon::tools {
namespace {

using OwnTensors = std::vector<std::pair<std::string, at::Tensor>>;

Result<void> check_layout(const Tables& tables, const std::string& family, const std::string& layout) {
  const std::vector<std::string> known = layout_names(tables, family);
  if (std::find(known.begin(), known.end(), layout) != known.end()) return {};
  const std::string near = nearest(layout, known);
  return fail(ErrorKind::kUsage, "TN-LAYOUT",
              fmt::format("--to {}: {} has the layouts {}{} [TN-LAYOUT]", io::quoted(layout), family,
                          fmt::join(known, ", "), near.empty() ? "" : fmt::format("; did you mean {}?", near)));
}

// The model's tensors under the names that its report gives them, in the report's order.
OwnTensors own_tensors(const Loaded<torch::nn::Module>& loaded) {
  std::map<std::string, at::Tensor> by_name;
  for (const auto& item : loaded.model->named_parameters()) by_name.emplace(item.key(), item.value());
  for (const auto& item : loaded.model->named_buffers()) by_name.emplace(item.key(), item.value());
  OwnTensors own;
  for (const Provenance& tensor : loaded.report.tensors) {
    const auto found = by_name.find(tensor.target);
    if (found != by_name.end()) own.emplace_back(*found);
  }
  return own;
}

Finding finding(const char* id, FindingKind kind, const std::string& name, const std::string& message) {
  Finding result;
  result.id = id;
  result.kind = kind;
  result.source = name;
  result.message = fmt::format("tensor {}: {} [{}]", io::quoted(name), message, id);
  return result;
}

// Names and shapes that the written file and the template do not share.
std::vector<Finding> differences(const std::vector<MappedTensor>& written, const Checkpoint& wanted) {
  std::vector<Finding> findings;
  std::map<std::string, const TensorType*> types;
  for (const MappedTensor& tensor : written) types.emplace(tensor.target, &tensor.type);
  for (const TensorEntry& entry : wanted.tensors) {
    const auto found = types.find(entry.name);
    if (found == types.end()) {
      findings.push_back(finding("TN-AGAINST-MISSING", FindingKind::kMissing, entry.name, "not written; the template has it"));
      continue;
    }
    if (found->second->shape != entry.shape) {
      findings.push_back(finding("TN-AGAINST-SHAPE", FindingKind::kShape, entry.name,
                                 fmt::format("{}; the template has {}", to_string(found->second->shape), to_string(entry.shape))));
    }
    types.erase(found);
  }
  for (const auto& [name, type] : types) {
    findings.push_back(finding("TN-AGAINST-UNEXPECTED", FindingKind::kUnexpected, name, "written; the template does not have it"));
  }
  return findings;
}

// Refuses the report in place where the template differs.
Result<bool> meets_template(const Options& options, const std::vector<MappedTensor>& written, LoadReport& report) {
  if (options.against.empty()) return true;
  const auto wanted = open_checkpoint(split_argument(options.against).path);
  if (!wanted) return tl::unexpected(wanted.error());
  const std::vector<Finding> found = differences(written, **wanted);
  if (found.empty()) return true;
  Diagnosis cause{"TN-D-AGAINST",
                  fmt::format("{} names or shapes differ between layout {} and the template {}; nothing was written [TN-D-AGAINST]",
                              found.size(), options.to, io::escape(options.against, 200)),
                  "", {}};
  for (std::size_t i = 0; i < found.size(); ++i) cause.explains.push_back(i);
  for (Diagnosis& other : report.diagnosis) {
    for (std::size_t& index : other.explains) index += found.size();
  }
  report.verdict = Verdict::kRefused;
  report.findings.insert(report.findings.begin(), found.begin(), found.end());
  report.diagnosis.insert(report.diagnosis.begin(), std::move(cause));
  return false;
}

Result<void> write(const Options& options, const std::vector<MappedTensor>& rows, const OwnTensors& own) {
  std::vector<loading::TensorToSave> list;
  for (const MappedTensor& row : rows) list.push_back({row.target, row.type});
  const auto produce = [&](std::size_t index) -> Result<at::Tensor> {
    return loading::guarded("converting a tensor", [&]() -> Result<at::Tensor> {
      std::vector<at::Tensor> sources;
      for (const std::uint32_t source : rows[index].sources) sources.push_back(own[source].second.detach().to(at::kCPU));
      return loading::apply_expr(rows[index].expr, sources);
    });
  };
  const interrupt::Section writing;
  return loading::save_safetensors(options.output, list, produce, {{"format", "pt"}}, make_progress(options));
}

Result<LoadReport> perform(const Options& options) {
  auto request = load_options(options);
  if (!request) return tl::unexpected(request.error());
  if (auto ok = refuse_overwriting("-o", options.output, options.checkpoints.front()); !ok) {
    return tl::unexpected(ok.error());
  }
  request->forward = false;
  auto loaded = load_any(options.checkpoints.front(), *request);
  if (!loaded) return tl::unexpected(loaded.error());
  const auto tables = request->tables ? request->tables : builtin_tables();
  if (auto ok = check_layout(*tables, loaded->report.family, options.to); !ok) return tl::unexpected(ok.error());

  const OwnTensors own = own_tensors(*loaded);
  std::vector<std::pair<std::string, TensorType>> types;
  for (const auto& [name, tensor] : own) types.push_back({name, {dtype_of(tensor.scalar_type()), tensor.sizes().vec()}});
  const auto rows = unmap(*tables, loaded->report.family, options.to, loaded->report.config, types);
  if (!rows) return tl::unexpected(rows.error());
  const auto meets = meets_template(options, *rows, loaded->report);
  if (!meets) return tl::unexpected(meets.error());
  if (*meets) {
    const auto notes = values_of_layout(*tables, loaded->report.config, *rows);
    loaded->report.findings.insert(loaded->report.findings.end(), notes.begin(), notes.end());
    if (auto ok = write(options, *rows, own); !ok) return tl::unexpected(ok.error());
  }
  return std::move(loaded->report);
}

}  // namespace

Answer convert(const Options& options) {
  auto report = perform(options);
  if (!report) return outcome(options, std::nullopt, report.error());
  return outcome(options, std::move(*report), std::nullopt);
}

}  // namespace tenon::tools
