// The reports for people, whole: what each case prints, to the letter.
#include "runtime/report/text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace tenon::report {
namespace {

Finding finding(FindingKind kind, std::string id, std::string target, std::string source) {
  Finding made;
  made.kind = kind;
  made.id = std::move(id);
  made.target = std::move(target);
  made.source = std::move(source);
  made.message = "not shown, for the name is";
  return made;
}

LoadReport accepted() {
  LoadReport report;
  report.verdict = Verdict::kAccepted;
  report.part = "model";
  report.family = "vit";
  report.variant = "vit_tiny_patch16_224";
  report.layout = "transformers";
  report.counts = {.expected = 3, .found = 5, .matched = 3};
  report.tensors = {{"a", {"x"}, {"rename"}, Origin::kFile, {DType::kF32, {2}}, "transformers#7"},
                    {"b", {"q", "k", "v"}, {"concat(0)"}, Origin::kFile, {DType::kF32, {6, 2}}, "transformers#8"},
                    {"c", {"z"}, {"rename"}, Origin::kFile, {DType::kF32, {2}}, "transformers#7"}};
  report.memory = {.host_peak_bytes = 22'900'000, .device_bytes = 0};
  return report;
}

LoadReport refused(std::vector<Finding> findings) {
  LoadReport report;
  report.part = "model";
  report.family = "vit";
  report.variant = "custom";
  report.layout = "timm";
  report.counts = {.expected = 44, .found = 44, .matched = 43, .missing = 1, .unexpected = 1};
  report.findings = std::move(findings);
  return report;
}

std::string checked(const LoadReport& report, TextOptions options = {}) {
  return to_text("check", Outcome{"m.safetensors", report, {}}, options);
}

TEST(ReportText, AnAcceptedCheck) {
  EXPECT_EQ(checked(accepted()), R"(accepted: m.safetensors: vit/vit_tiny_patch16_224 (transformers), policy strict
  3 of 3 model tensors matched; 5 tensors of the file
  1 concat(0), 2 rename
  memory to load: host 22.9 MB, device 0 bytes
)");
}

TEST(ReportText, ATensorUnderTheNameThatItHadIsUnchanged) {
  LoadReport report = accepted();
  report.tensors[0].from = {"a"};
  EXPECT_NE(checked(report).find("\n  1 concat(0), 1 rename, 1 unchanged\n"), std::string::npos) << checked(report);
}

TEST(ReportText, AnAcceptedLoadSaysHowLongItTookAndWhatTheAuditFound) {
  LoadReport report = accepted();
  report.timings = Timings{.open_s = 0.001, .plan_s = 0.012, .read_s = 0.25, .bind_s = 0.003, .total_s = 0.266, .audit_s = 0.1};
  report.audit = Audit{.tensors = 3, .nan = 2};
  EXPECT_EQ(to_text("load", Outcome{"m.safetensors", report, {}}, {}),
            R"(accepted: m.safetensors: vit/vit_tiny_patch16_224 (transformers), policy strict
  3 of 3 model tensors matched; 5 tensors of the file
  1 concat(0), 2 rename
  seconds: open 0.001, plan 0.012, read 0.250, bind 0.003, total 0.266; audit 0.100
  audit: 3 tensors, 0 without origin, 2 NaN, 0 Inf, 0 all zero
)");
}

TEST(ReportText, VerboseNamesEveryTensorsOrigin) {
  EXPECT_EQ(checked(accepted(), {.verbose = true}),
            R"(accepted: m.safetensors: vit/vit_tiny_patch16_224 (transformers), policy strict
  3 of 3 model tensors matched; 5 tensors of the file
  1 concat(0), 2 rename
  memory to load: host 22.9 MB, device 0 bytes
  a = x [rename], F32 [2], transformers#7
  b = q, k, v [concat(0)], F32 [6, 2], transformers#8
  c = z [rename], F32 [2], transformers#7
)");
}

TEST(ReportText, ARefusalBeginsWithItsCauseAndItsRemedyAndSuggestsTheNearName) {
  Finding missing = finding(FindingKind::kMissing, "TN-MISSING", "blocks.1.norm2.bias", "");
  missing.expected = TensorType{DType::kF32, {48}};
  missing.did_you_mean = "blocks.1.norm_2.bias";
  Finding unexpected = finding(FindingKind::kUnexpected, "TN-UNEXPECTED", "", "blocks.1.norm_2.bias");
  unexpected.found = TensorType{DType::kF32, {48}};
  LoadReport report = refused({missing, unexpected});
  report.diagnosis = {{"TN-D-RENAMED", "one tensor has another name", "rename it", {0, 1}}};
  EXPECT_EQ(checked(report), R"(refused: m.safetensors: vit/custom (timm), policy strict
  cause: one tensor has another name [TN-D-RENAMED]
  do: rename it
    error missing blocks.1.norm2.bias (1): F32 [48]; did you mean blocks.1.norm_2.bias?
    error unexpected blocks.1.norm_2.bias (1): F32 [48]
  43 of 44 model tensors matched, 1 missing; 44 tensors of the file, 1 unexpected
)");
}

TEST(ReportText, ManyFindingsOfOneKindAreOneLineWithTheirRange) {
  std::vector<Finding> findings;
  LoadReport report = refused({});
  report.counts = {.expected = 24, .found = 0, .missing = 24};
  Diagnosis cause{"TN-D-GROUP", "no block has attention", "", {}};
  for (int i = 0; i < 12; ++i) {
    for (const char* side : {"bias", "weight"}) {
      findings.push_back(finding(FindingKind::kMissing, "TN-MISSING", fmt::format("blocks.{}.attn.qkv.{}", i, side), ""));
      findings.back().expected = TensorType{DType::kF32, {side[0] == 'b' ? 9 : 3}};
      cause.explains.push_back(findings.size() - 1);
    }
  }
  report.findings = findings;
  report.diagnosis = {cause};
  EXPECT_EQ(checked(report), R"(refused: m.safetensors: vit/custom (timm), policy strict
  cause: no block has attention [TN-D-GROUP]
    error missing blocks.{0-11}.attn.qkv.bias (12): F32 [9]
    error missing blocks.{0-11}.attn.qkv.weight (12): F32 [3]
  0 of 24 model tensors matched, 24 missing; 0 tensors of the file
)");
}

TEST(ReportText, AWaiverSaysWhatItDidAndByWhichRule) {
  LoadReport report = accepted();
  report.verdict = Verdict::kAcceptedWithWaivers;
  report.policy = "mine.yaml";
  report.counts = {.expected = 4, .found = 4, .matched = 3, .unexpected = 1, .mismatched = 1, .waived = 2};
  Finding head = finding(FindingKind::kShape, "TN-SHAPE", "head.bias", "classifier.bias");
  head.severity = Severity::kWarning;
  head.action = Action::kFill;
  head.rule = "mine.yaml:4";
  head.expected = TensorType{DType::kF32, {10}};
  head.found = TensorType{DType::kF32, {7}};
  Finding dropped = finding(FindingKind::kUnexpected, "TN-UNEXPECTED", "", "steps");
  dropped.severity = Severity::kWarning;
  dropped.action = Action::kDrop;
  dropped.rule = "mine.yaml:5";
  dropped.found = TensorType{DType::kI64, {}};
  report.findings = {head, dropped};
  EXPECT_EQ(checked(report), R"(accepted-with-waivers: m.safetensors: vit/vit_tiny_patch16_224 (transformers), policy mine.yaml
  warning shape head.bias (1): F32 [7] in the file, F32 [10] in the model, filled by mine.yaml:4
  warning unexpected steps (1): I64 [], dropped by mine.yaml:5
  3 of 4 model tensors matched, 1 different; 4 tensors of the file, 1 unexpected, 2 waived
  1 concat(0), 2 rename
  memory to load: host 22.9 MB, device 0 bytes
)");
}

/// More of everything than any screen holds.
LoadReport endless() {
  LoadReport report = refused({});
  for (int i = 0; i < 400; ++i) {
    report.findings.push_back(finding(FindingKind::kUnexpected, "TN-UNEXPECTED", "", "name" + std::to_string(i)));
  }
  for (std::size_t i = 0; i < 20; ++i) {
    report.diagnosis.push_back({"TN-D-OTHER", "cause " + std::to_string(i), "remedy", {}});
    for (std::size_t k = 0; k < 10; ++k) report.diagnosis.back().explains.push_back(10 * i + k);
  }
  return report;
}

TEST(ReportText, WhateverWasFoundFitsOnOneScreen) {
  constexpr long kScreen = 24;
  const std::string text = checked(endless());
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), kScreen) << text;
  EXPECT_NE(text.find("... and 17 more causes (-v)"), std::string::npos) << text;
  EXPECT_NE(text.find("... and 197 more lines (-v)"), std::string::npos) << text;
  const std::string whole = checked(endless(), {.verbose = true});
  for (int i = 0; i < 400; ++i) EXPECT_NE(whole.find("name" + std::to_string(i) + " "), std::string::npos) << i;
}

TEST(ReportText, AnInspectionOfAnyNumberOfPartsFitsOnOneScreen) {
  Identity identity{IdentityStatus::kIdentified, {}, {}};
  for (int i = 0; i < 30; ++i) {
    Part part;
    part.part = "part" + std::to_string(i);
    part.family = "vit";
    for (int k = 0; k < 9; ++k) {
      part.evidence.push_back({"vit", "has name " + std::to_string(k)});
      part.refused.push_back({"clip", "has no name " + std::to_string(k)});
    }
    identity.parts.push_back(part);
  }
  const auto lines = [&](std::size_t parts) {
    Identity some = identity;
    some.parts.resize(parts);
    const std::string text = to_text(Inspection{"m.safetensors", nullptr, some, {}, {}}, {});
    return std::count(text.begin(), text.end(), '\n');
  };
  for (const std::size_t parts : {1, 2, 4, 30}) EXPECT_LE(lines(parts), 24) << parts;
}

TEST(ReportText, ColoursStandOnlyAroundWords) {
  LoadReport report = refused({finding(FindingKind::kMissing, "TN-MISSING", "a", "")});
  report.diagnosis = {{"TN-D-MISSING", "a is missing", "look", {0}}};
  const std::string plain = checked(report);
  EXPECT_EQ(plain.find('\x1b'), std::string::npos);
  std::string painted = checked(report, {.color = true});
  EXPECT_EQ(painted.rfind("\x1b[31mrefused\x1b[0m", 0), 0U) << painted;
  for (std::size_t at = 0; (at = painted.find('\x1b')) != std::string::npos;) painted.erase(at, painted.find('m', at) - at + 1);
  EXPECT_EQ(painted, plain);
}

TEST(ReportText, ANameNeverReachesTheTerminalRaw) {
  const LoadReport report = refused({finding(FindingKind::kUnexpected, "TN-UNEXPECTED", "", "a\x1b[2J\nb\xff")});
  EXPECT_NE(checked(report).find(R"(error unexpected a\x1b[2J\x0ab\xff (1))"), std::string::npos) << checked(report);
}

}  // namespace
}  // namespace tenon::report
