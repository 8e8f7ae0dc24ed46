// Stage "decide": what the policy makes of the comparison, as a plan or a refusal.
#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>
#include <tenon/policy.h>
#include <utility>

#include "runtime/check/compare.h"
#include "runtime/diagnose/diagnose.h"
#include "runtime/io/natural_order.h"
#include "runtime/io/text.h"
#include "runtime/mapping/mapper.h"
#include "runtime/policy/adapt.h"
#include "runtime/policy/context.h"
#include "runtime/policy/findings.h"
#include "runtime/policy/judge.h"
#include "runtime/policy/notes.h"
#include "runtime/policy/sizes.h"
#include "runtime/value/general_finding.h"

namespace tenon {
namespace {

/// Sums of these may exceed 64 bits for sizes that a stranger chose.
double elements(const Shape& shape) { return static_cast<double>(numel(shape).value_or(0)); }

class Decider {
 public:
  Decider(const Checkpoint& checkpoint, const Identity& identity, const Part& part,
          const ModelSpec& expected, const Mapped& mapped, Judge judge, const CheckRequest& request)
      : checkpoint_(checkpoint),
        identity_(identity),
        part_(part),
        expected_(expected),
        mapped_(mapped),
        judge_(std::move(judge)),
        request_(request),
        compared_(compare(checkpoint, part, expected, mapped)),
        sizes_(expected, mapped, compared_, request) {}

  Decision run() {
    report_ = report_head(part_, judge_.policy());
    report_.counts = compared_.counts;
    for (Finding& finding : context_findings(identity_, part_, judge_.policy(), request_)) {
      add(std::move(finding));
    }
    report_.loadable =
        std::none_of(part_.undecidable.begin(), part_.undecidable.end(),
                     [](const Undecidable& entry) { return entry.needed_by_forward; });
    for (std::size_t i = 0; i < expected_.tensors.size(); ++i) decide_expected(i);
    for (const UnexpectedTensor& unexpected : compared_.unexpected) decide_unexpected(unexpected);
    for (const IgnoredTensor& ignored : compared_.ignored) note_derived(ignored);
    note_pending();
    for (Finding& note : what_was_put_right(checkpoint_, part_, compared_, report_.tensors)) add(std::move(note));
    settle_filled_dtypes();
    guard_coverage();
    guard_elements();
    warn_unused_rules();
    return finish();
  }

 private:
  void add(Finding finding) {
    const bool about_tensors =
        finding.kind == FindingKind::kMissing || finding.kind == FindingKind::kUnexpected ||
        finding.kind == FindingKind::kShape || finding.kind == FindingKind::kDtype;
    if (about_tensors && finding.action != Action::kRefuse) ++report_.counts.waived;
    report_.findings.push_back(std::move(finding));
  }

  void decide_expected(std::size_t i) {
    const ExpectedTensor& expected = expected_.tensors[i];
    const ExpectedState& state = compared_.expected[i];
    switch (state.state) {
      case TensorState::kMatched:
        return take(expected, mapped_.tensors[*state.mapped]);
      case TensorState::kMissing:
        return decide_missing(expected, state);
      case TensorState::kShape:
        return decide_shape(expected, mapped_.tensors[*state.mapped]);
      case TensorState::kDtype:
        return decide_dtype(expected, mapped_.tensors[*state.mapped]);
      case TensorState::kUnfit:
        return decide_unfit(expected, mapped_.problems[*state.problem]);
    }
  }

  void take(const ExpectedTensor& expected, const MappedTensor& mapped) {
    matched_elements_ += elements(expected.type.shape);
    add_step(expected, mapped, mapped.expr, {}, mapped.rule);
  }

  void decide_missing(const ExpectedTensor& expected, const ExpectedState& state) {
    Judgement judgement = judge_.judge(FindingKind::kMissing, expected.name);
    if (judgement.action == Action::kRefuse && !judgement.by_user && lenient() &&
        sizes_.fills_head(expected)) {
      judgement = preset_waiver(Action::kFill);
    }
    add(missing_finding(expected, state, judgement));
    if (judgement.action == Action::kFill) fill(expected, judgement);
  }

  void decide_shape(const ExpectedTensor& expected, const MappedTensor& mapped) {
    Judgement judgement = judge_.judge(FindingKind::kShape, expected.name);
    if (judgement.action == Action::kRefuse && !judgement.by_user && lenient()) {
      judgement = lenient_about_shape(expected, mapped);
    }
    std::string refusal;
    if (judgement.action == Action::kResize || judgement.action == Action::kInflate) {
      const Adapted adapted = adapt(expected, mapped, judgement);
      if (adapted) {
        matched_elements_ += elements(expected.type.shape);
        add_step(expected, mapped, *adapted, judgement.fill, judgement.rule);
      } else {
        refusal = adapted.error();
        judgement.action = Action::kRefuse;
        judgement.severity = Severity::kError;
      }
    }
    add(shape_finding(expected, mapped, checkpoint_, judgement, refusal));
    if (judgement.action == Action::kFill) fill_rest(expected, joined_sources(mapped), judgement);
  }

  /// A joined tensor that lacks a source is judged as missing, one whose sources differ in shape as such.
  void decide_unfit(const ExpectedTensor& expected, const MappingProblem& problem) {
    Judgement judgement;
    if (!problem.duplicate) {
      const bool lacks_source = std::find(problem.sources.begin(), problem.sources.end(), kAbsentSource) != problem.sources.end();
      judgement = judge_.judge(lacks_source ? FindingKind::kMissing : FindingKind::kShape, expected.name);
    }
    if (judgement.action != Action::kFill) {
      judgement.action = Action::kRefuse;
      judgement.severity = Severity::kError;
    }
    add(problem_finding(expected, problem, checkpoint_, judgement));
    if (judgement.action == Action::kFill) fill_rest(expected, problem.sources, judgement);
  }

  /// Fills what the file's parts of a joined tensor leave, or all of it.
  void fill_rest(const ExpectedTensor& expected, const std::vector<std::uint32_t>& sources, const Judgement& judgement) {
    const auto kept = keep_parts_that_fit(sources, checkpoint_, expected.type);
    if (!kept) return fill(expected, judgement);
    const auto parts = static_cast<double>(kept->parts);
    const auto of_file = static_cast<double>(kept->sources.size());
    matched_elements_ += elements(expected.type.shape) * of_file / parts;
    if (judgement.by_user) waived_elements_ += elements(expected.type.shape) * (parts - of_file) / parts;
    MappedTensor made{expected.name, kept->sources, kept->expr, {kept->dtype, expected.type.shape}, {}, {}};
    add_step(expected, made, kept->expr, judgement.fill, judgement.rule);
    report_.tensors.back().ops.push_back(
        fmt::format("${} is filled with {}", kept->sources.size() + 1, fill_name(judgement.fill)));
  }

  Adapted adapt(const ExpectedTensor& expected, const MappedTensor& mapped,
                const Judgement& judgement) const {
    if (judgement.action == Action::kInflate)
      return inflate_channels(expected, mapped, judgement.fill);
    return resize_position_table(expected_, expected, mapped, part_.config, judgement.method);
  }

  Judgement lenient_about_shape(const ExpectedTensor& expected, const MappedTensor& mapped) const {
    if (sizes_.fills_head(expected)) return preset_waiver(Action::kFill);
    if (sizes_.resizes(expected, mapped, part_.config)) return preset_waiver(Action::kResize);
    if (sizes_.inflates(expected, mapped)) return preset_waiver(Action::kInflate);
    return {};
  }

  void decide_dtype(const ExpectedTensor& expected, const MappedTensor& mapped) {
    Judgement judgement = judge_.judge(FindingKind::kDtype, expected.name);
    const bool casts =
        judgement.action == Action::kCast && dtype_kind(mapped.type.dtype) != DTypeKind::kQuantised;
    if (!casts) {
      judgement.action = Action::kRefuse;
      judgement.severity = Severity::kError;
    }
    add(dtype_finding(expected, mapped, checkpoint_, judgement));
    if (casts) take(expected, mapped);
  }

  void decide_unexpected(const UnexpectedTensor& unexpected) {
    const TensorEntry& tensor = checkpoint_.tensors.at(unexpected.tensor);
    Judgement judgement = judge_.judge(FindingKind::kUnexpected, tensor.name);
    if (!unexpected.scales.empty() && !judgement.by_user) judgement = {};
    add(unexpected_finding(tensor, unexpected, judgement));
  }

  bool lenient() const { return judge_.policy().base == PolicyBase::kLenient; }

  Judgement preset_waiver(Action action) const {
    Judgement judgement;
    judgement.action = action;
    judgement.severity = Severity::kWarning;
    judgement.rule = judge_.policy().name;
    return judgement;
  }

  /// The dtype a tensor is bound in; a rule of the policy wins over the request.
  DType bound_dtype(const ExpectedTensor& expected, DType file) {
    if (dtype_kind(expected.type.dtype) != DTypeKind::kFloat) return expected.type.dtype;
    const DType wanted =
        request_.model_dtypes ? expected.type.dtype : request_.dtype.value_or(file);
    const auto cast = judge_.cast_for(expected.name);
    if (!cast) return dtype_kind(wanted) == DTypeKind::kFloat ? wanted : expected.type.dtype;
    if (cast->action == Action::kCast) return cast->to.value_or(wanted);
    if (wanted != file) {
      Finding finding = dtype_finding(
          expected, MappedTensor{expected.name, {}, {}, {file, expected.type.shape}, {}},
          checkpoint_, *cast);
      finding.message = fmt::format("{} would be cast from {} to {}; {} forbids it",
                                    io::quoted(expected.name, 100), dtype_name(file),
                                    dtype_name(wanted), io::escape(cast->rule));
      add(std::move(finding));
    }
    return file;
  }

  void add_step(const ExpectedTensor& expected, const MappedTensor& mapped, const Expr& expr,
                const Fill& fill, const std::string& rule) {
    const DType dtype = bound_dtype(expected, mapped.type.dtype);
    if (dtype_kind(dtype) == DTypeKind::kFloat) ++float_dtypes_[dtype];
    PlanStep step;
    step.target = expected.name;
    step.aliases = expected.aliases;
    step.sources = mapped.sources;
    step.expr = cast_expression(expr, mapped.type.dtype, dtype);
    step.fill = fill;
    step.type = {dtype, expected.type.shape};
    step.buffer = expected.buffer;
    made_from_file_ += elements(mapped.type.shape);

    Provenance provenance;
    provenance.target = expected.name;
    for (const std::uint32_t source : mapped.sources)
      provenance.from.push_back(checkpoint_.tensors.at(source).name);
    provenance.ops = describe(step.expr);
    provenance.type = step.type;
    provenance.rule = rule;
    report_.tensors.push_back(std::move(provenance));
    plan_.steps.push_back(std::move(step));
  }

  void fill(const ExpectedTensor& expected, const Judgement& judgement) {
    PlanStep step;
    step.target = expected.name;
    step.aliases = expected.aliases;
    step.origin = Origin::kFilled;
    step.fill = judgement.fill;
    step.type = expected.type;
    step.buffer = expected.buffer;
    if (judgement.by_user) waived_elements_ += elements(expected.type.shape);

    Provenance provenance;
    provenance.target = expected.name;
    provenance.ops = {fmt::format("fill({})", fill_name(judgement.fill))};
    provenance.origin = Origin::kFilled;
    provenance.rule = judgement.rule;
    report_.tensors.push_back(std::move(provenance));
    plan_.steps.push_back(std::move(step));
  }

  /// Filled float tensors are bound in the dtype that most of the file's are, so that one forward
  /// takes both.
  void settle_filled_dtypes() {
    const auto commonest =
        std::max_element(float_dtypes_.begin(), float_dtypes_.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    const bool keep = request_.model_dtypes || commonest == float_dtypes_.end();
    for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
      PlanStep& step = plan_.steps[i];
      if (step.origin != Origin::kFilled) continue;
      if (!keep && dtype_kind(step.type.dtype) == DTypeKind::kFloat)
        step.type.dtype = commonest->first;
      step.expr = fill_expression(step.type, step.fill);
      report_.tensors[i].type = step.type;
    }
  }

  void note_derived(const IgnoredTensor& ignored) {
    if (!ignored.derived) return;
    const TensorEntry& tensor = checkpoint_.tensors.at(ignored.tensor);
    Provenance provenance;
    provenance.target = ignored.target.empty() ? tensor.name : ignored.target;
    provenance.from = {tensor.name};
    provenance.origin = Origin::kDerived;
    provenance.type = {tensor.dtype, tensor.shape};
    provenance.rule = ignored.reason;
    derived_.push_back(std::move(provenance));
  }

  void note_pending() {
    plan_.pending = compared_.pending;
    for (const ValueCondition& condition : compared_.pending) {
      const bool zero = condition.kind == ValueCondition::Kind::kZero;
      Finding finding = general_finding(
          "TN-PENDING", FindingKind::kValue, Severity::kNote,
          zero ? fmt::format("{} must be zero; load verifies it", io::quoted(condition.source, 100))
               : fmt::format("{} must equal {}; load verifies it",
                             io::quoted(condition.source, 100), io::quoted(condition.twin, 100)),
          {});
      finding.source = condition.source;
      add(std::move(finding));
    }
  }

  /// No policy takes a model most of which the file does not hold; what the caller's own rules fill
  /// is not counted.
  void guard_coverage() {
    double total = 0;
    for (const ExpectedTensor& expected : expected_.tensors) total += elements(expected.type.shape);
    const double needed = total - waived_elements_;
    if (total == 0 || (matched_elements_ > 0 && 2 * matched_elements_ >= needed)) return;
    add(general_finding("TN-COVERAGE", FindingKind::kPolicy, Severity::kError,
                        fmt::format("only {:.0f} of {:.0f} elements of the model are in the file; "
                                    "no policy accepts under half",
                                    matched_elements_, needed),
                        "tenon explain TN-COVERAGE"));
  }

  /// A file decides sizes: what is not filled or adapted by the policy is made of what the file
  /// holds.
  void guard_elements() {
    std::set<std::uint32_t> sources;
    for (const PlanStep& step : plan_.steps)
      sources.insert(step.sources.begin(), step.sources.end());
    double held = 0;
    for (const std::uint32_t source : sources) {
      held += elements(checkpoint_.tensors.at(source).shape);
      plan_.bytes_to_read += checkpoint_.tensors.at(source).bytes;
    }
    constexpr double kMadeByTables =
        16;  // rows that pad, fill or repeat make at most this many times more
    if (made_from_file_ <= kMadeByTables * held) return;
    add(general_finding(
        "TN-ELEMENTS", FindingKind::kShape, Severity::kError,
        fmt::format("{:.0f} elements of the model would be made of {:.0f} in the file",
                    made_from_file_, held),
        "tenon explain TN-ELEMENTS"));
  }

  void warn_unused_rules() {
    for (const PolicyRule* rule : judge_.unused()) {
      Finding finding = general_finding(
          "TN-POLICY-UNUSED", FindingKind::kPolicy, Severity::kWarning,
          fmt::format("rule {} on {} {} decided over nothing", io::escape(rule->text),
                      to_string(rule->on), io::quoted(rule->key)),
          "tenon explain TN-POLICY-UNUSED");
      finding.rule = rule->text;
      add(std::move(finding));
    }
  }

  Decision finish() {
    order_findings(report_.findings);
    report_.tensors.insert(report_.tensors.end(), derived_.begin(), derived_.end());
    std::stable_sort(
        report_.tensors.begin(), report_.tensors.end(),
        [](const Provenance& a, const Provenance& b) { return natural_less(a.target, b.target); });
    report_.diagnosis =
        diagnose({checkpoint_, identity_, request_, report_.findings, judge_.policy().fail_at,
                  &part_, &expected_, &mapped_, &compared_});
    report_.verdict = verdict_of(report_, judge_.policy().fail_at);
    Decision decision;
    if (report_.verdict != Verdict::kRefused) decision.plan = std::move(plan_);
    decision.report = std::move(report_);
    return decision;
  }

  const Checkpoint& checkpoint_;
  const Identity& identity_;
  const Part& part_;
  const ModelSpec& expected_;
  const Mapped& mapped_;
  Judge judge_;
  const CheckRequest& request_;
  Comparison compared_;
  AskedSizes sizes_;
  LoadReport report_;
  LoadPlan plan_;
  std::vector<Provenance> derived_;
  std::map<DType, std::uint64_t> float_dtypes_;
  double matched_elements_ = 0;
  double waived_elements_ = 0;  // filled by the caller's own rules
  double made_from_file_ = 0;
};

Decision refused_policy(const Part& part, const Policy& policy, const Error& error) {
  Decision decision;
  decision.report = report_head(part, policy);
  decision.report.findings = {general_finding(error.code, FindingKind::kPolicy, Severity::kError,
                                              error.message, error.remedy)};
  decision.report.diagnosis = {{"TN-D-OTHER", error.message, error.remedy, {0}}};
  return decision;
}

}  // namespace

Decision decide(const Checkpoint& checkpoint, const Identity& identity, const Part& part,
                const ModelSpec& expected, const Mapped& mapped, const Policy& policy,
                const CheckRequest& request) {
  auto judge = Judge::make(policy);
  if (!judge) return refused_policy(part, policy, judge.error());
  return Decider(checkpoint, identity, part, expected, mapped, std::move(*judge), request).run();
}

}  // namespace tenon
