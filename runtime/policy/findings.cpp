#include "runtime/policy/findings.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "runtime/io/text.h"
#include "runtime/mapping/mapper.h"

namespace tenon {
namespace {

constexpr std::size_t kNameBytes = 100;

std::string quoted_name(std::string_view name) { return io::quoted(name, kNameBytes); }

std::string type_text(const TensorType& type) {
  return fmt::format("{} {}", dtype_name(type.dtype), to_string(type.shape));
}

std::string explain(std::string_view id) { return fmt::format("tenon explain {}", id); }

std::string source_names(const std::vector<std::uint32_t>& sources, const Checkpoint& checkpoint) {
  std::string names;
  for (const std::uint32_t source : sources) {
    if (!names.empty()) names += ", ";
    names += quoted_name(checkpoint.tensors.at(source).name);
    if (names.size() > 2 * kNameBytes && source != sources.back()) return names + ", ...";
  }
  return names;
}

/// "; filled with zeros by policy.yaml:5"; empty for a refusal.
std::string what_is_done(const Judgement& judgement) {
  std::string done;
  switch (judgement.action) {
    case Action::kFill:
      done = fmt::format("filled with {}", fill_name(judgement.fill));
      break;
    case Action::kDrop:
      done = "dropped";
      break;
    case Action::kResize:
      done = "resized as a position table";
      break;
    case Action::kInflate:
      done = "input channels adapted";
      break;
    case Action::kCast:
      done = "cast";
      break;
    default:
      return {};
  }
  return fmt::format("; {} by {}", done, io::escape(judgement.rule));
}

/// What of the file's tensor is not in the model's, or what is new in that; empty for a refusal.
std::string what_is_lost(const Judgement& judgement, const Shape& found, const Shape& needed, std::size_t sources) {
  if (judgement.action == Action::kFill && sources > 1) return "; what fits of the file's tensors is kept";
  if (judgement.action == Action::kFill) {
    return fmt::format("; none of the file's {} values is kept", numel(found).value_or(0));
  }
  if (judgement.action != Action::kInflate || found.size() < 2 || needed.size() < 2) return {};
  const bool colours = found[1] == 3 || needed[1] == 1;  // may be mixed, not cut or added
  if (colours) return {};
  if (found[1] > needed[1]) {
    return fmt::format("; the file's channels {} to {} are left out", needed[1], found[1] - 1);
  }
  return fmt::format("; channels {} to {} are new", found[1], needed[1] - 1);
}

Finding about(std::string_view id, FindingKind kind, std::string target, std::string source) {
  Finding finding;
  finding.id = id;
  finding.kind = kind;
  finding.target = std::move(target);
  finding.source = std::move(source);
  return finding;
}

std::string first_source(const MappedTensor& mapped, const Checkpoint& checkpoint) {
  return mapped.sources.empty() ? std::string() : checkpoint.tensors.at(mapped.sources[0]).name;
}

}  // namespace

Finding judged(Finding finding, const Judgement& judgement) {
  finding.severity = judgement.severity;
  finding.action = judgement.action;
  finding.rule = judgement.rule;
  if (judgement.severity == Severity::kError) finding.remedy = explain(finding.id);
  return finding;
}

Finding missing_finding(const ExpectedTensor& expected, const ExpectedState& state,
                        const Judgement& judgement) {
  Finding finding = about("TN-MISSING", FindingKind::kMissing, expected.name, {});
  finding.expected = expected.type;
  finding.did_you_mean = state.did_you_mean;
  std::string message = fmt::format("the model needs {}, {}; the file has no tensor for it",
                                    quoted_name(expected.name), type_text(expected.type));
  if (!state.did_you_mean.empty()) {
    message += fmt::format(", but {} of the same shape is left over", quoted_name(state.did_you_mean));
  }
  finding.message = io::short_message(message + what_is_done(judgement));
  return judged(std::move(finding), judgement);
}

Finding unexpected_finding(const TensorEntry& tensor, const UnexpectedTensor& unexpected,
                           const Judgement& judgement) {
  const bool is_scale = !unexpected.scales.empty();
  Finding finding =
      about(is_scale ? "TN-SCALE" : "TN-UNEXPECTED", FindingKind::kUnexpected, {}, tensor.name);
  finding.found = TensorType{tensor.dtype, tensor.shape};
  finding.did_you_mean = unexpected.did_you_mean;
  std::string message = fmt::format("the file has {}, {}; the model has no place for it",
                                    quoted_name(tensor.name), type_text(*finding.found));
  if (is_scale) message += fmt::format(", and {} would lose its scale", quoted_name(unexpected.scales));
  if (!unexpected.target.empty())
    message += fmt::format(" (it would be {})", quoted_name(unexpected.target));
  if (!unexpected.did_you_mean.empty()) {
    message +=
        fmt::format(", but {} of the same shape is missing", quoted_name(unexpected.did_you_mean));
  }
  finding.message = io::short_message(message + what_is_done(judgement));
  return judged(std::move(finding), judgement);
}

Finding shape_finding(const ExpectedTensor& expected, const MappedTensor& mapped,
                      const Checkpoint& checkpoint, const Judgement& judgement,
                      std::string_view refusal) {
  Finding finding =
      about("TN-SHAPE", FindingKind::kShape, expected.name, first_source(mapped, checkpoint));
  finding.expected = expected.type;
  finding.found = mapped.type;
  std::string message =
      fmt::format("{} has the shape {} in the file (from {}); the model needs {}",
                  quoted_name(expected.name), to_string(mapped.type.shape),
                  source_names(mapped.sources, checkpoint), to_string(expected.type.shape));
  if (!refusal.empty()) message += fmt::format("; not adapted: {}", refusal);
  finding.message = io::short_message(message + what_is_done(judgement) +
                             what_is_lost(judgement, mapped.type.shape, expected.type.shape, mapped.sources.size()));
  return judged(std::move(finding), judgement);
}

Finding dtype_finding(const ExpectedTensor& expected, const MappedTensor& mapped,
                      const Checkpoint& checkpoint, const Judgement& judgement) {
  Finding finding =
      about("TN-DTYPE", FindingKind::kDtype, expected.name, first_source(mapped, checkpoint));
  finding.expected = expected.type;
  finding.found = mapped.type;
  finding.message = io::short_message(fmt::format(
      "{} holds {} in the file (from {}); the model needs {}, another kind of numbers{}",
      quoted_name(expected.name), dtype_name(mapped.type.dtype),
      source_names(mapped.sources, checkpoint), dtype_name(expected.type.dtype),
      what_is_done(judgement)));
  return judged(std::move(finding), judgement);
}

Finding problem_finding(const ExpectedTensor& expected, const MappingProblem& problem,
                        const Checkpoint& checkpoint, const Judgement& judgement) {
  const auto present = std::find_if(problem.sources.begin(), problem.sources.end(),
                                    [](std::uint32_t source) { return source != kAbsentSource; });
  const std::string source =
      present == problem.sources.end() ? std::string() : checkpoint.tensors.at(*present).name;
  Finding finding = problem.duplicate
                        ? about("TN-DUPLICATE", FindingKind::kDuplicate, expected.name, source)
                        : about("TN-SOURCES", FindingKind::kShape, expected.name, source);
  finding.expected = expected.type;
  finding.message = io::short_message(fmt::format("{}: {}{}", quoted_name(expected.name), problem.message,
                                         what_is_done(judgement)));
  return judged(std::move(finding), judgement);
}

}  // namespace tenon
