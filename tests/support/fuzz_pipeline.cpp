// The fuzz targets behind the containers: what else a stranger may write, and the whole way from bytes to a report. A policy and
// a family's tables that parse are put to use on a sound checkpoint.
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include <tenon/identify.h>
#include <tenon/policy.h>

#include "runtime/checkpoint/builder.h"
#include "runtime/formats/container.h"
#include "runtime/identify/tables.h"
#include "runtime/report/html.h"
#include "runtime/report/json.h"
#include "runtime/report/text.h"
#include "tests/support/fuzz_checks.h"
#include "tests/support/paths.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/temp_dir.h"

namespace tenon::test {
namespace {

Result<std::shared_ptr<const Checkpoint>> checkpoint_of(std::string bytes) {
  const Limits limits;
  auto source = memory_source("fuzz.bin", std::move(bytes));
  auto opened = formats::read_container(*source, limits);
  if (!opened) return Failure(opened.error());
  CheckpointBuilder builder("fuzz.bin", opened->container, limits);
  if (const auto added = builder.add(std::move(source), std::move(*opened), ""); !added) return Failure(added.error());
  return builder.finish();
}

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string_view::npos; ++at) ++found;
  return found;
}

void check_document(const std::string& json) {
  require(json.find('\n') == std::string::npos, "a document is one line");
  require(simdjson::validate_utf8(json.data(), json.size()), "a document is UTF-8");
}

/// What people read drives no terminal.
void check_text(const std::string& text) {
  for (const char c : text) require(c == '\n' || (c >= 0x20 && c < 0x7f), "a text for people is lines of printable ASCII");
}

void check_page(const report::Outcome& outcome) {
  static const std::string harmless = report::to_html("check", {"fuzz.bin", LoadReport{}, std::nullopt});
  static const std::size_t scripts = count(harmless, "</script");
  static const std::size_t comments = count(harmless, "<!--");
  const std::string page = report::to_html("check", outcome);
  require(count(page, "</script") == scripts && count(page, "<!--") == comments, "no text of a file leaves its place in the page");
}

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
  check_document(report::to_json("check", outcome));
  const std::string text = report::to_text("check", outcome, {});
  require(!text.empty(), "a report for people says something");
  check_text(text);
  check_page(outcome);
}

/// A model that asks for what the table made of the file, less one tensor and with one more.
ModelSpec nearly(const Mapped& mapped) {
  ModelSpec spec;
  for (const MappedTensor& tensor : mapped.tensors) spec.tensors.push_back({tensor.target, {}, tensor.type, false});
  if (!spec.tensors.empty()) spec.tensors.pop_back();
  spec.tensors.push_back({"zz.wanted", {}, {DType::kF32, {2, 3}}, false});
  return spec;
}

void check_part(const Checkpoint& checkpoint, const Identity& identity, const Part& part, const Policy& policy) {
  if (part.bound == nullptr) return check_report(refuse_identity(checkpoint, identity, &part, {}));
  const Mapped mapped = map_part(checkpoint, part);
  for (const MappedTensor& tensor : mapped.tensors) {
    for (const auto source : tensor.sources) require(source < checkpoint.tensors.size(), "a source is in the file");
  }
  check_report(decide(checkpoint, identity, part, nearly(mapped), mapped, policy, {}).report);
}

void check_list(const std::shared_ptr<const Checkpoint>& checkpoint) {
  report::Listing listing{"fuzz.bin", checkpoint, std::vector<std::uint32_t>(checkpoint->tensors.size()), std::nullopt};
  std::iota(listing.tensors.begin(), listing.tensors.end(), 0);
  check_document(report::to_json(listing));
  check_text(report::to_text(listing, {}));
}

/// What is in the file by these tables, and what each policy makes of every part of it.
void check_identity(const std::shared_ptr<const Checkpoint>& checkpoint, const Tables& tables, const std::vector<Policy>& policies) {
  const auto identity = identify(*checkpoint, tables);
  if (!identity) return check_error(identity.error());
  const report::Inspection inspection{"fuzz.bin", checkpoint, *identity, diagnose_identity(*checkpoint, *identity), std::nullopt};
  check_document(report::to_json(inspection));
  check_text(report::to_text(inspection, {}));
  if (identity->parts.empty()) check_report(refuse_identity(*checkpoint, *identity, nullptr, {}));
  for (const Part& part : identity->parts) {
    for (const Policy& policy : policies) check_part(*checkpoint, *identity, part, policy);
  }
}

std::shared_ptr<const Checkpoint> toy_model() {
  static constexpr const char* kNames[] = {"blocks.0.fc.weight", "blocks.0.fc.bias", "blocks.0.q",        "blocks.0.norm.weight",
                                           "blocks.1.fc.weight", "blocks.1.fc.bias", "blocks.1.norm.bias", "steps"};
  std::string json;
  for (const char* name : kNames) json += (json.empty() ? "{" : ",") + entry(name, "F32", "[2,0]", 0, 0);
  return *checkpoint_of(safetensors(json + "}"));
}

}  // namespace

void fuzz_policy(std::string_view bytes) {
  const auto policy = parse_policy("policy.yaml", std::string(bytes));
  if (!policy) return check_error(policy.error());
  static const auto vit = *checkpoint_of(read_file(source_dir() / "tests/fuzz/seeds/report/vit"));
  check_identity(vit, *builtin_tables(), {*policy});
}

void fuzz_tables(std::string_view bytes) {
  TablesOptions options;
  options.families = {};
  options.extra = {{.name = "fuzz", .yaml = bytes, .derive = [](const DeriveInput&) { return Derivation{}; }}};
  const auto tables = load_tables(options);
  if (!tables) return check_error(tables.error());
  static const auto toy = toy_model();
  check_identity(toy, **tables, {*policy_preset("strict")});
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
  const auto checkpoint = checkpoint_of(std::string(bytes));
  if (!checkpoint) return check_error(checkpoint.error());
  for (const TensorEntry& entry : (*checkpoint)->tensors) check_tensor(entry, bytes.size());
  check_list(*checkpoint);
  check_identity(*checkpoint, *builtin_tables(), {*policy_preset("strict"), *policy_preset("lenient")});
}

}  // namespace tenon::test
