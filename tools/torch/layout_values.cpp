#include "tools/torch/layout_values.h"

#include <fmt/format.h>

#include <algorithm>

namespace tenon::tools {
namespace {

Checkpoint listing_of(const std::vector<MappedTensor>& written) {
  Checkpoint checkpoint;
  for (const MappedTensor& tensor : written) {
    TensorEntry entry;
    entry.name = tensor.target;
    entry.dtype = tensor.type.dtype;
    entry.shape = tensor.type.shape;
    checkpoint.tensors.push_back(std::move(entry));
  }
  std::sort(checkpoint.tensors.begin(), checkpoint.tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return checkpoint;
}

Finding warning(const Config::Item& read, const Value& meant) {
  Finding finding;
  finding.id = "TN-LAYOUT-VALUE";
  finding.kind = FindingKind::kConfig;
  finding.severity = Severity::kWarning;
  finding.target = read.key;
  finding.action = Action::kKeep;
  finding.message = fmt::format("{} is {} here; whoever reads the written file without being told takes {} [TN-LAYOUT-VALUE]", read.key,
                                to_string(meant), to_string(read.value));
  finding.remedy = fmt::format("give --set {}={} with the written file for the same outputs", read.key, to_string(meant));
  return finding;
}

}  // namespace

std::vector<Finding> values_of_layout(const Tables& tables, const Config& config, const std::vector<MappedTensor>& written) {
  const auto identity = identify(listing_of(written), tables);
  if (!identity || identity->parts.size() != 1) return {};
  std::vector<Finding> findings;
  for (const Config::Item& read : identity->parts.front().config.items()) {
    const Config::Item* const meant = config.item(read.key);
    if (meant == nullptr || read.origin != ConfigOrigin::kDefault || meant->value == read.value) continue;
    findings.push_back(warning(read, meant->value));
  }
  return findings;
}

}  // namespace tenon::tools
