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
#include "runtime/identify/file_form.h"
#include "runtime/io/text.h"
#include "tools/common/did_you_mean.h"
#include "tools/common/interrupt.h"
#include "tools/common/preflight.h"
#include "tools/torch/companions.h"
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
std::vector<Finding> differences(const std::vector<loading::TensorToSave>& written, const Checkpoint& wanted) {
  std::vector<Finding> findings;
  std::map<std::string, const TensorType*> types;
  for (const loading::TensorToSave& tensor : written) types.emplace(tensor.name, &tensor.type);
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
Result<bool> meets_template(const Options& options, const std::vector<loading::TensorToSave>& written, LoadReport& report) {
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

/// What the output holds: the model's tensors in the layout's names, and the parts that the layout keeps beside them.
struct Output {
  std::vector<MappedTensor> rows;
  std::vector<Companion> beside;
  FileForm form;

  [[nodiscard]] std::vector<loading::TensorToSave> list() const {
    std::vector<loading::TensorToSave> all;
    for (const MappedTensor& row : rows) all.push_back({row.target, row.type});
    for (const Companion& companion : beside) all.push_back({companion.name, companion.type});
    return all;
  }
};

Result<Output> output_of(const Options& options, const Tables& tables, const Planned& planned, const LoadReport& report,
                         const OwnTensors& own) {
  std::vector<std::pair<std::string, TensorType>> types;
  for (const auto& [name, tensor] : own) types.push_back({name, {dtype_of(tensor.scalar_type()), tensor.sizes().vec()}});
  auto rows = unmap(tables, report.family, options.to, report.config, types);
  if (!rows) return tl::unexpected(rows.error());
  Output output{std::move(*rows), {}, file_form(tables, report.family, options.to)};
  for (MappedTensor& row : output.rows) row.target = output.form.prefix + row.target;
  output.beside = companions(planned, output.form, dtype_option(options.model.dtype.value_or("keep")));
  return output;
}

Result<void> write(const Options& options, const Planned& planned, const Output& output, const OwnTensors& own) {
  const std::vector<loading::TensorToSave> list = output.list();
  const loading::Progress silent({});
  loading::SourceReader reader(*planned.checkpoint, /*mapped=*/false, /*verify=*/true, silent, 0);
  const auto produce = [&](std::size_t index) -> Result<at::Tensor> {
    if (index >= output.rows.size()) return read_companion(*planned.checkpoint, output.beside[index - output.rows.size()], reader);
    const MappedTensor& row = output.rows[index];
    return loading::guarded("converting a tensor", [&]() -> Result<at::Tensor> {
      std::vector<at::Tensor> sources;
      for (const std::uint32_t source : row.sources) sources.push_back(own[source].second.detach().to(at::kCPU));
      return loading::apply_expr(row.expr, sources);
    });
  };
  const interrupt::Section writing;
  if (loading::asks_for_torch(options.output)) {
    return loading::guarded("writing the output", [&] {
      return loading::save_torch(options.output, list, produce, output.form.nested, make_progress(options));
    });
  }
  return loading::save_safetensors(options.output, list, produce, {{"format", "pt"}}, make_progress(options));
}

Result<LoadReport> perform(const Options& options) {
  auto request = load_options(options);
  if (!request) return tl::unexpected(request.error());
  if (auto ok = refuse_overwriting("-o", options.output, options); !ok) {
    return tl::unexpected(ok.error());
  }
  request->forward = false;
  const auto tables = request->tables ? request->tables : builtin_tables();
  auto planned = plan_any(options.checkpoints.front(), *request);
  if (!planned) return tl::unexpected(planned.error());
  if (auto ok = check_layout(*tables, planned->report.family, options.to); planned->plan && !ok) {
    return tl::unexpected(ok.error());
  }
  auto loaded = build(*planned, *request);
  if (!loaded) return tl::unexpected(loaded.error());
  LoadReport& report = loaded->report;

  const OwnTensors own = own_tensors(*loaded);
  const auto output = output_of(options, *tables, *planned, report, own);
  if (!output) return tl::unexpected(output.error());
  const auto meets = meets_template(options, output->list(), report);
  if (!meets) return tl::unexpected(meets.error());
  if (*meets) {
    const auto notes = values_of_layout(*tables, report.config, output->rows);
    report.findings.insert(report.findings.end(), notes.begin(), notes.end());
    if (auto ok = write(options, *planned, *output, own); !ok) return tl::unexpected(ok.error());
    for (Finding& loss : left_out(*tables, *planned, output->form, options.to)) {
      report.findings.push_back(std::move(loss));
      report.verdict = Verdict::kAcceptedWithWaivers;
    }
  }
  return std::move(report);
}

}  // namespace

Answer convert(const Options& options) {
  auto report = perform(options);
  if (!report) return outcome(options, std::nullopt, report.error());
  return outcome(options, std::move(*report), std::nullopt);
}

}  // namespace tenon::tools
