#include "runtime/build/execute.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <iterator>
#include <string>
#include <utility>

#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <c10/core/StorageImpl.h>

#include <tenon/nn/init.h>
#include <tenon/nn/spec_of.h>

#include "runtime/build/apply.h"
#include "runtime/build/numbers.h"
#include "runtime/build/upload.h"
#include "runtime/io/text.h"

namespace tenon::loading {
namespace {

/// Whether a cast can make an infinity (or, for F8_E4M3, a NaN) out of a finite number.
bool narrows(at::ScalarType from, at::ScalarType to) {
  if (from == to || !c10::isFloatingType(from)) return false;
  if (to == at::kFloat || to == at::kBFloat16) return from == at::kDouble;
  return to != at::kDouble;
}

std::uint64_t not_finite(const at::Tensor& t) {
  const auto counts = count_numbers(t);
  return counts.nan + counts.inf;
}

/// Whether the expression takes a part of the target as the step's fill makes it.
bool takes_fill(const Expr& expr, std::size_t sources) {
  if (expr.op == OpKind::kSource) return static_cast<std::size_t>(expr.args.at(0)) == sources;
  return std::any_of(expr.operands.begin(), expr.operands.end(), [&](const Expr& operand) { return takes_fill(operand, sources); });
}

bool is_filled(const PlanStep& step) { return step.origin == Origin::kFilled; }

const Expr& without_casts(const Expr& expr) {
  return expr.op == OpKind::kCast ? without_casts(expr.operands.at(0)) : expr;
}

class Executor {
 public:
  Executor(const LoadPlan& plan,
           const Checkpoint& checkpoint,
           const ModuleIndex& module,
           SourceReader& reader,
           HostMemory& memory,
           c10::Device device)
      : plan_(plan), checkpoint_(checkpoint), module_(module), reader_(reader), memory_(memory), device_(device), upload_(device) {
    for (const auto& step : plan.steps) {
      if (is_filled(step)) continue;
      for (const auto source : step.sources) ++uses_[source];
    }
  }

  Result<Executed> run() {
    Executed done;
    done.tensors.resize(plan_.steps.size());
    for (const auto i : file_order()) {
      const auto& step = plan_.steps[i];
      if (step.origin == Origin::kDerived) continue;
      auto made = is_filled(step) ? filled(step) : is_copy(step.expr) ? copied(step) : joins(step) ? joined(step) : computed(step);
      if (!made) return tl::unexpected(made.error());
      done.tensors[i] = std::move(*made);
      release_sources(step);
    }
    if (!device_.is_cpu()) upload_.finish();
    done.findings = std::move(findings_);
    return done;
  }

 private:
  std::vector<std::size_t> file_order() const {
    std::vector<std::size_t> order(plan_.steps.size());
    std::iota(order.begin(), order.end(), 0);
    const auto place = [&](std::size_t i) {
      const auto& step = plan_.steps[i];
      if (is_filled(step) || step.sources.empty()) return std::pair(UINT32_MAX, UINT64_MAX);
      const auto& entry = checkpoint_.tensors[step.sources[0]];
      return std::pair(entry.file, entry.offset);
    };
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return place(a) < place(b); });
    return order;
  }

  /// The step's one source goes where it belongs as it is read.
  Result<at::Tensor> copied(const PlanStep& step) {
    const auto source = step.sources.at(static_cast<std::size_t>(without_casts(step.expr).args.at(0)));
    const auto& entry = checkpoint_.tensors[source];
    const auto from = scalar_type_of(entry.dtype);
    const auto to = scalar_type_of(step.type.dtype);
    if (!device_.is_cpu()) {
      auto raw = uploaded(source);
      if (!raw) return raw;
      auto out = raw->to(to);
      if (auto checked = check_overflow(step, *raw, out); !checked) return tl::unexpected(checked.error());
      return out;
    }
    if (from == to) {
      auto view = reader_.view(source);
      if (!view) return tl::unexpected(view.error());
      if (*view) return claim(**view) ? **view : copy_of(**view);
    }
    auto out = memory_.allocate(entry.shape, to);
    if (!out) return out;
    if (auto read = read_into(step, source, *out); !read) return tl::unexpected(read.error());
    return out;
  }

  /// On the host, where no later step needs the sources again.
  [[nodiscard]] bool joins(const PlanStep& step) const {
    return device_.is_cpu() && is_join(step.expr, step.sources.size()) &&
           std::all_of(step.sources.begin(), step.sources.end(), [&](auto source) { return uses_.at(source) == 1; });
  }

  /// Each source goes to its rows of the one tensor, without an intermediate.
  Result<at::Tensor> joined(const PlanStep& step) {
    auto out = memory_.allocate(step.type.shape, scalar_type_of(step.type.dtype));
    if (!out) return out;
    std::int64_t begin = 0;
    for (const auto& operand : without_casts(step.expr).operands) {
      const auto source = step.sources.at(static_cast<std::size_t>(operand.args.at(0)));
      const auto rows = checkpoint_.tensors[source].shape.at(0);
      auto place = out->narrow(0, begin, rows);
      if (auto read = read_into(step, source, place); !read) return tl::unexpected(read.error());
      begin += rows;
    }
    return out;
  }

  /// Reads a source into its place, cast, and tells of values that the cast made infinite.
  Result<void> read_into(const PlanStep& step, std::uint32_t source, at::Tensor& place) {
    if (auto read = reader_.read(source, place); !read) return read;
    const auto from = scalar_type_of(checkpoint_.tensors[source].dtype);
    if (!narrows(from, place.scalar_type()) || not_finite(place) == 0) return {};
    auto original = at::empty(place.sizes(), at::TensorOptions().dtype(from));  // rare: did the file already have them?
    if (auto read = reader_.read(source, original); !read) return read;
    return check_overflow(step, original, place);
  }

  Result<at::Tensor> uploaded(std::uint32_t source) {
    const auto& entry = checkpoint_.tensors[source];
    if (!can_view(entry)) {
      auto host = loaded(source);
      if (!host) return tl::unexpected(host.error());
      return upload_.tensor(host->tensor);
    }
    return upload_.tensor(entry.shape, scalar_type_of(entry.dtype), [&](std::uint64_t offset, std::span<std::byte> out) {
      return reader_.read_bytes(source, offset, out);
    });
  }

  /// The step's sources on the host, its operations, then one tensor of its own.
  Result<at::Tensor> computed(const PlanStep& step) {
    std::vector<at::Tensor> sources;
    for (const auto source : step.sources) {
      auto tensor = loaded(source);
      if (!tensor) return tl::unexpected(tensor.error());
      sources.push_back(tensor->tensor);
    }
    if (takes_fill(step.expr, sources.size())) {
      auto whole = filled_on_host(step);
      if (!whole) return whole;
      if (!whole->defined()) *whole = module_.at(step.target).tensor.detach().cpu();
      sources.push_back(whole->to(sources.at(0).scalar_type()));
    }
    const auto value = apply_expr(without_casts(step.expr), sources);
    const auto out = value.to(scalar_type_of(step.type.dtype));
    if (auto checked = check_overflow(step, value, out); !checked) return tl::unexpected(checked.error());
    if (!device_.is_cpu()) return upload_.tensor(out);
    return owned(step, out);
  }

  struct Source {
    at::Tensor tensor;
    bool mapped = false;
  };

  /// A source on the host: over the mapping, or read. Kept while later steps need it.
  Result<Source> loaded(std::uint32_t source) {
    if (const auto found = cache_.find(source); found != cache_.end()) return found->second;
    auto view = reader_.view(source);
    if (!view) return tl::unexpected(view.error());
    if (*view) return cache_.emplace(source, Source{**view, true}).first->second;
    const auto& entry = checkpoint_.tensors[source];
    auto tensor = at::empty(entry.shape, at::TensorOptions().dtype(scalar_type_of(entry.dtype)));
    if (auto read = reader_.read(source, tensor); !read) return tl::unexpected(read.error());
    return cache_.emplace(source, Source{tensor, false}).first->second;
  }

  void release_sources(const PlanStep& step) {
    if (is_filled(step)) return;
    for (const auto source : step.sources) {
      if (--uses_[source] == 0) cache_.erase(source);
    }
  }

  /// `value` with a storage of exactly its size that no other target shares.
  Result<at::Tensor> owned(const PlanStep& step, const at::Tensor& value) {
    for (const auto source : step.sources) {
      const auto& [tensor, mapped] = cache_.at(source);
      if (!value.is_alias_of(tensor)) continue;
      const bool whole = value.is_contiguous() && value.numel() > 0;
      return mapped && whole && claim(value) ? reader_.exact(source, value) : copy_of(value);
    }
    const bool exact = value.is_contiguous() && value.storage().nbytes() == value.nbytes();
    return exact ? value : copy_of(value);
  }

  /// Whether no other target holds these bytes of a mapping; they are the caller's from now on.
  bool claim(const at::Tensor& piece) {
    const auto begin = reinterpret_cast<std::uintptr_t>(piece.data_ptr());
    const auto end = begin + piece.nbytes();
    const auto next = claimed_.lower_bound(end);
    if (next != claimed_.begin() && std::prev(next)->second > begin) return false;
    claimed_.emplace(begin, end);
    return true;
  }

  Result<at::Tensor> copy_of(const at::Tensor& value) {
    auto out = memory_.allocate(value.sizes(), value.scalar_type());
    if (out) out->copy_(value);
    return out;
  }

  Result<at::Tensor> filled(const PlanStep& step) {
    auto out = filled_on_host(step);
    return !out || !out->defined() || device_.is_cpu() ? out : upload_.tensor(*out);
  }

  /// Undefined where the module's own initialisation is to stand.
  Result<at::Tensor> filled_on_host(const PlanStep& step) {
    const auto& fill = step.fill;
    const auto target = module_.find(step.target);
    const auto* const init = target == module_.end() ? nullptr : target->second.init;
    if (fill.kind == Fill::Kind::kModuleDefault && !init) return at::Tensor();
    auto out = memory_.allocate(step.type.shape, scalar_type_of(step.type.dtype));
    if (!out) return out;
    switch (fill.kind) {
      case Fill::Kind::kZeros:
        out->zero_();
        break;
      case Fill::Kind::kOnes:
        out->fill_(1);
        break;
      case Fill::Kind::kConstant:
        out->fill_(fill.value);
        break;
      case Fill::Kind::kModuleDefault:
        nn::fill(*out, *init, fill.seed, step.target);
        break;
    }
    return out;
  }

  Result<void> check_overflow(const PlanStep& step, const at::Tensor& before, const at::Tensor& after) {
    if (!narrows(before.scalar_type(), after.scalar_type())) return {};
    const auto bad = not_finite(after);
    if (bad == 0) return {};
    const auto original = not_finite(before);
    if (bad <= original) return {};
    const auto from = std::string(dtype_name(dtype_of(before.scalar_type())));
    const auto to = std::string(dtype_name(step.type.dtype));
    Finding finding;
    finding.id = "TN-CAST-OVERFLOW";
    finding.kind = FindingKind::kValue;
    finding.target = step.target;
    finding.source = step.sources.empty() ? "" : checkpoint_.tensors[step.sources[0]].name;
    finding.expected = step.type;
    finding.found = TensorType{dtype_of(before.scalar_type()), step.type.shape};
    finding.action = Action::kCast;
    finding.message = "tensor " + io::quoted(step.target, 200) + ": " + std::to_string(bad - original) + " of " +
                      std::to_string(after.numel()) + " values are finite in " + from + " and not in " + to +
                      "; a cast must keep every value finite [TN-CAST-OVERFLOW]";
    finding.remedy = "use --dtype bf16, or keep this tensor in F32 with a policy rule: {on: dtype, key: \"**\", do: cast, to: " +
                     std::string(to == "F16" ? "fp16" : "bf16") + ", keep_fp32: [\"" + step.target + "\"]}";
    findings_.push_back(std::move(finding));
    return {};
  }

  const LoadPlan& plan_;
  const Checkpoint& checkpoint_;
  const ModuleIndex& module_;
  SourceReader& reader_;
  HostMemory& memory_;
  c10::Device device_;
  Upload upload_;
  std::map<std::uint32_t, std::size_t> uses_;
  std::map<std::uint32_t, Source> cache_;
  std::map<std::uintptr_t, std::uintptr_t> claimed_;  // mapped bytes that targets hold: begin -> end
  std::vector<Finding> findings_;
};

Finding condition_finding(const ValueCondition& condition) {
  const bool zero = condition.kind == ValueCondition::Kind::kZero;
  Finding finding;
  finding.id = "TN-VALUE";
  finding.kind = FindingKind::kValue;
  finding.source = condition.source;
  finding.message = "tensor " + io::quoted(condition.source, 160) +
                    (zero ? ": holds values other than zero; this layout drops it, which is right only for zeros"
                          : ": differs from its twin " + io::quoted(condition.twin, 160) + "; the two must agree") +
                    " [TN-VALUE]";
  return finding;
}

}  // namespace

Result<Executed> execute(const LoadPlan& plan,
                         const Checkpoint& checkpoint,
                         const ModuleIndex& module,
                         SourceReader& reader,
                         HostMemory& memory,
                         c10::Device device) {
  return Executor(plan, checkpoint, module, reader, memory, device).run();
}

Result<std::vector<Finding>> failed_conditions(const LoadPlan& plan, const Checkpoint& checkpoint, SourceReader& reader) {
  const auto read = [&](const std::string& name) -> Result<at::Tensor> {
    const auto* const entry = checkpoint.find(name);
    TORCH_CHECK(entry, "a value condition names a tensor that the checkpoint does not list");
    auto out = at::empty(entry->shape, at::TensorOptions().dtype(scalar_type_of(entry->dtype)));
    auto done = reader.read(static_cast<std::uint32_t>(entry - checkpoint.tensors.data()), out);
    if (!done) return tl::unexpected(done.error());
    return out;
  };
  std::vector<Finding> findings;
  for (const auto& condition : plan.pending) {
    auto value = read(condition.source);
    if (!value) return tl::unexpected(value.error());
    bool holds = value->numel() == 0;
    if (condition.kind == ValueCondition::Kind::kZero) {
      holds = holds || count_numbers(*value).all_zero;
    } else {
      auto twin = read(condition.twin);
      if (!twin) return tl::unexpected(twin.error());
      holds = value->sizes() == twin->sizes() && value->scalar_type() == twin->scalar_type() && at::equal(*value, *twin);
    }
    if (!holds) findings.push_back(condition_finding(condition));
  }
  return findings;
}

}  // namespace tenon::loading
