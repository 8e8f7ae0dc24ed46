#include "runtime/build/bind.h"

#include <set>
#include <utility>

#include <ATen/ops/_has_compatible_shallow_copy_type.h>

#include <tenon/nn/spec_of.h>

#include "runtime/build/numbers.h"
#include "runtime/io/text.h"

namespace tenon::loading {
namespace {

Failure refuse(const std::string& target, const std::string& found, const std::string& required) {
  return fail(ErrorKind::kRefused,
              "TN-BIND",
              "tensor " + io::quoted(target, 200) + ": " + found + "; " + required + " [TN-BIND]");
}

/// What set_data would not notice, or would throw at after others have been bound.
Result<void> fits(const PlanStep& step, const ModuleTensor& target, const at::Tensor& value, c10::Device device) {
  const auto& old = target.tensor;
  if (value.sizes() != old.sizes() || value.sizes() != at::IntArrayRef(step.type.shape)) {
    return refuse(step.target,
                  "the file gives " + to_string(value.sizes().vec()),
                  "the model needs " + to_string(old.sizes().vec()));
  }
  const auto kind = dtype_kind(dtype_of(value.scalar_type()));
  if (kind != dtype_kind(dtype_of(old.scalar_type())) || value.scalar_type() != scalar_type_of(step.type.dtype)) {
    return refuse(step.target,
                  "the file gives " + std::string(dtype_name(dtype_of(value.scalar_type()))),
                  "the model needs " + std::string(dtype_name(dtype_of(old.scalar_type()))) + " or another of its kind");
  }
  if (value.device() != device) {
    return refuse(step.target, "made on " + value.device().str(), "the load is for " + device.str());
  }
  if (old.is_inference() || value.is_inference()) {
    return refuse(step.target, "the tensor was made in inference mode", "a module's tensors must be ordinary ones");
  }
  if (!at::_has_compatible_shallow_copy_type(old, value)) {
    return refuse(step.target, "its present value is no plain dense tensor", "only those can be bound");
  }
  if (old.requires_grad() && kind != DTypeKind::kFloat && kind != DTypeKind::kComplex) {
    return refuse(step.target, "it requires a gradient", "its kind has none");
  }
  return {};
}

}  // namespace

void BindRecord::commit(const std::vector<Pair>& pairs) {
  std::vector<Pair> before;
  for (const auto& [target, value] : pairs) before.push_back({target, target.variable_data()});
  replaced_ = std::move(before);
  give(pairs);
}

void BindRecord::give(const std::vector<Pair>& pairs) noexcept {
  for (const auto& [target, value] : pairs) target.set_data(value);
}

Result<BindRecord> bind_tensors(const ModuleIndex& module,
                        const LoadPlan& plan,
                        const std::vector<at::Tensor>& tensors,
                        c10::Device device) {
  std::vector<BindRecord::Pair> pairs;
  std::set<const c10::TensorImpl*> supplied;
  BindRecord record;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const auto& step = plan.steps[i];
    if (step.origin == Origin::kDerived) continue;
    const auto target = module.find(step.target);
    if (target == module.end()) return refuse(step.target, "planned", "the module has no tensor of this name");
    const auto& tensor = target->second.tensor;
    if (!supplied.insert(tensor.unsafeGetTensorImpl()).second) {
      return refuse(step.target, "supplied twice", "every tensor has one origin");
    }
    if (!tensors[i].defined()) {
      record.add(tensor);
      continue;
    }
    if (auto fit = fits(step, target->second, tensors[i], device); !fit) return tl::unexpected(fit.error());
    record.add(tensors[i]);
    pairs.push_back({tensor, tensors[i]});
  }
  for (const auto& [name, target] : module) {
    if (supplied.count(target.tensor.unsafeGetTensorImpl()) == 0) {
      return refuse(name, "nothing supplies it", "every tensor of the model has an origin");
    }
  }
  record.commit(pairs);
  return record;
}

Audit audit(const ModuleIndex& module, const BindRecord& record, std::vector<Finding>& findings) {
  Audit result;
  std::set<const c10::TensorImpl*> seen;
  for (const auto& [name, target] : module) {
    if (!seen.insert(target.tensor.unsafeGetTensorImpl()).second) continue;
    ++result.tensors;
    if (!record.holds(target.tensor)) ++result.without_origin;
    const auto counts = count_numbers(target.tensor);
    result.nan += counts.nan;
    result.inf += counts.inf;
    if (counts.all_zero) ++result.all_zero;
    if (counts.nan + counts.inf == 0) continue;
    Finding finding;
    finding.id = "TN-NOT-FINITE";
    finding.kind = FindingKind::kValue;
    finding.severity = Severity::kWarning;
    finding.target = name;
    finding.action = Action::kKeep;
    finding.message = "tensor " + io::quoted(name, 200) + ": " + std::to_string(counts.nan) + " NaN and " +
                      std::to_string(counts.inf) + " infinite of " + std::to_string(target.tensor.numel()) +
                      " values; weights are finite numbers [TN-NOT-FINITE]";
    finding.remedy = "the file holds these values: get another copy, or train again from an earlier one";
    findings.push_back(std::move(finding));
  }
  return result;
}

}  // namespace tenon::loading
