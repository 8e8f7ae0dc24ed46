// The fuzz targets behind the containers: what else a stranger may write, and the whole way from bytes to a report.
#include <algorithm>
#include <string>
#include <string_view>

#include <tenon/identify.h>
#include <tenon/policy.h>

#include "runtime/checkpoint/builder.h"
#include "runtime/formats/container.h"
#include "runtime/identify/tables.h"
#include "runtime/report/json.h"
#include "runtime/report/text.h"
#include "tests/support/fuzz_checks.h"

namespace tenon::test {
namespace {

void check_line(const std::string& text) {
  require(text.size() <= 512, "a finding has at most 512 bytes");
  require(text.find('\n') == std::string::npos, "a finding is one line");
}

void check_report(const LoadReport& report) {
  for (const Finding& finding : report.findings) {
    require(!finding.id.empty(), "a finding has an id");
    check_line(finding.message);
  }
  for (const Diagnosis& diagnosis : report.diagnosis) {
    check_line(diagnosis.cause);
    for (const std::size_t index : diagnosis.explains) {
      require(index < report.findings.size(), "a cause explains findings that exist");
    }
  }
  const report::Outcome outcome{"fuzz.bin", report, std::nullopt};
  const std::string json = report::to_json("check", outcome);
  require(json.find('\n') == std::string::npos, "a document is one line");
  require(!report::to_text("check", outcome, {}).empty(), "a report for people says something");
}

/// A model that asks for what the table made of the file, less one tensor and with one more.
ModelSpec nearly(const Mapped& mapped) {
  ModelSpec spec;
  for (const MappedTensor& tensor : mapped.tensors) spec.tensors.push_back({tensor.target, {}, tensor.type, false});
  if (!spec.tensors.empty()) spec.tensors.pop_back();
  spec.tensors.push_back({"zz.wanted", {}, {DType::kF32, {2, 3}}, false});
  return spec;
}

void check_part(const Checkpoint& checkpoint, const Identity& identity, const Part& part) {
  if (part.bound == nullptr) return check_report(refuse_identity(checkpoint, identity, &part, {}));
  const Mapped mapped = map_part(checkpoint, part);
  for (const MappedTensor& tensor : mapped.tensors) {
    for (const auto source : tensor.sources) require(source < checkpoint.tensors.size(), "a source is in the file");
  }
  for (const char* policy : {"strict", "lenient"}) {
    check_report(decide(checkpoint, identity, part, nearly(mapped), mapped, *policy_preset(policy), {}).report);
  }
}

}  // namespace

void fuzz_policy(std::string_view bytes) {
  const auto policy = parse_policy("policy.yaml", std::string(bytes));
  if (!policy) check_error(policy.error());
}

void fuzz_tables(std::string_view bytes) {
  TablesOptions options;
  options.families = {};
  options.extra = {{.name = "fuzz", .yaml = bytes, .derive = [](const DeriveInput&) { return Derivation{}; }}};
  const auto tables = load_tables(options);
  if (!tables) check_error(tables.error());
}

void fuzz_config(std::string_view bytes) {
  const auto tables = builtin_tables();
  for (const FamilyTables& family : builtin_families()) {
    if (family.read_native_config == nullptr) continue;
    const auto variants = variants_of(*tables->family(family.name));
    const auto config = family.read_native_config({"config.json", std::string(bytes)}, variants);
    if (!config) check_error(config.error());
  }
}

void fuzz_report(std::string_view bytes) {
  const Limits limits;
  auto source = memory_source("fuzz.bin", std::string(bytes));
  auto opened = formats::read_container(*source, limits);
  if (!opened) return check_error(opened.error());
  CheckpointBuilder builder("fuzz.bin", opened->container, limits);
  if (const auto added = builder.add(std::move(source), std::move(*opened), ""); !added) return check_error(added.error());
  const auto checkpoint = builder.finish();
  if (!checkpoint) return check_error(checkpoint.error());
  for (const TensorEntry& entry : (*checkpoint)->tensors) check_tensor(entry, bytes.size());
  const auto identity = identify(**checkpoint, *builtin_tables());
  if (!identity) return check_error(identity.error());
  const report::Inspection inspection{"fuzz.bin", *checkpoint, *identity, diagnose_identity(**checkpoint, *identity), std::nullopt};
  require(!report::to_json(inspection).empty() && !report::to_text(inspection, {}).empty(), "inspect says something");
  if (identity->parts.empty()) check_report(refuse_identity(**checkpoint, *identity, nullptr, {}));
  for (const Part& part : identity->parts) check_part(**checkpoint, *identity, part);
}

}  // namespace tenon::test
