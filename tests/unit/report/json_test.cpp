#include "runtime/report/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <tenon/version.h>

namespace tenon::report {
namespace {

using nlohmann::json;

std::shared_ptr<Checkpoint> two_tensors() {
  auto checkpoint = std::make_shared<Checkpoint>();
  checkpoint->path = "a.safetensors";
  checkpoint->files.push_back({"a.safetensors", 100, Container::kSafetensors, nullptr});
  TensorEntry plain;
  plain.name = "a";
  plain.dtype = DType::kBF16;
  plain.shape = {2, 3};
  plain.offset = 40;
  plain.bytes = 12;
  TensorEntry strided = plain;
  strided.name = "b";
  strided.dtype = DType::kF32;
  strided.strides = {1, 2};
  checkpoint->tensors = {plain, strided};
  return checkpoint;
}

json parsed(const std::string& text) {
  json document = json::parse(text, nullptr, false);
  EXPECT_FALSE(document.is_discarded()) << text;
  return document;
}

TEST(ReportJson, EveryDocumentNamesItsSchemaAndTheRelease) {
  const json document = parsed(to_json(Listing{"a.safetensors", two_tensors(), {0, 1}, {}}));
  EXPECT_EQ(document["schema"], "tenon.ls/1");
  EXPECT_EQ(document["tenon"], kVersion);
  EXPECT_TRUE(document["error"].is_null());
}

TEST(ReportJson, ListsTensorsAsTheFileSpellsThem) {
  const json document = parsed(to_json(Listing{"a.safetensors", two_tensors(), {0}, {}}));
  const json expected = {{"name", "a"}, {"dtype", "BF16"},         {"shape", {2, 3}},
                         {"bytes", 12}, {"file", "a.safetensors"}, {"offset", 40}};
  EXPECT_EQ(document["tensors"], json::array({expected}));
}

TEST(ReportJson, OffsetIsNullWhereTheBytesAreNotContiguous) {
  const json document = parsed(to_json(Listing{"a.safetensors", two_tensors(), {1}, {}}));
  EXPECT_TRUE(document["tensors"][0]["offset"].is_null());
}

TEST(ReportJson, CountsTensorsByDtype) {
  const json document = parsed(to_json(Listing{"a.safetensors", two_tensors(), {}, {}}));
  EXPECT_EQ(document["checkpoint"]["dtypes"], json({{"BF16", 1}, {"F32", 1}}));
  EXPECT_EQ(document["checkpoint"]["container"], "safetensors");
}

TEST(ReportJson, NamesThatAreNotUtf8AppearEscaped) {
  auto checkpoint = two_tensors();
  checkpoint->tensors[0].name = "we\xff\\ight";
  checkpoint->files[0].path = "\xc0.bin";
  const json document = parsed(to_json(Listing{"\xc0.bin", checkpoint, {0}, {}}));
  EXPECT_EQ(document["tensors"][0]["name"], "we\\xff\\\\ight");
  EXPECT_EQ(document["tensors"][0]["file"], "\\xc0.bin");
}

TEST(ReportJson, NamesInUtf8StayAsTheyAre) {
  auto checkpoint = two_tensors();
  checkpoint->tensors[0].name = "gewicht_\xc3\xbc\\n\n\t\"";
  const json document = parsed(to_json(Listing{"a.safetensors", checkpoint, {0}, {}}));
  EXPECT_EQ(document["tensors"][0]["name"], "gewicht_\xc3\xbc\\n\n\t\"");
}

TEST(ReportJson, HostileTextAnywhereLeavesTheDocumentValid) {
  const std::string hostile = "\xff\"\\\x01</script>\xed\xa0\x80";
  LoadReport report;
  report.policy = report.part = report.family = report.variant = report.layout = hostile;
  report.config.set(hostile, Value(Value::List{Value(hostile)}));
  Finding finding;
  finding.id = finding.target = finding.source = finding.rule = finding.message = finding.remedy =
      hostile;
  report.findings = {finding};
  report.diagnosis = {{hostile, hostile, hostile, {0}}};
  report.tensors = {{hostile, {hostile}, {hostile}, Origin::kFile, {}, hostile}};
  const json document = parsed(to_json("check", Outcome{hostile, report, {}}));
  EXPECT_EQ(document["diagnosis"][0]["explains"], 1);
  EXPECT_EQ(document["findings"][0]["target"], "\\xff\"\\\\\x01</script>\\xed\\xa0\\x80");
}

TEST(ReportJson, AnErrorBeforeOpeningStillGivesADocument) {
  const Error error{ErrorKind::kNotFound, "IO-NOTFOUND", "x: no such file", "check the path",
                    nullptr};
  const json document = parsed(to_json(Inspection{"x", nullptr, {}, {}, error}));
  EXPECT_EQ(document["error"]["code"], "IO-NOTFOUND");
  EXPECT_EQ(document["error"]["remedy"], "check the path");
  EXPECT_EQ(document["checkpoint"]["path"], "x");
  EXPECT_EQ(document["parts"], json::array());
}

TEST(ReportJson, ARefusalIsAVerdictAndNotAnError) {
  auto report = std::make_shared<LoadReport>();
  report->diagnosis = {{"TN-D-X", "cause", "remedy", {}}};
  const Error error{ErrorKind::kRefused, "TN-REFUSED", "refused", "", report};
  const json document = parsed(to_json("load", Outcome{"x", {}, error}));
  EXPECT_TRUE(document["error"].is_null());
  EXPECT_EQ(document["verdict"], "refused");
  EXPECT_EQ(document["diagnosis"][0]["cause"], "cause");
}

TEST(ReportJson, AnIntegrityErrorKeepsItsCodeBesideTheReport) {
  auto report = std::make_shared<LoadReport>();
  const Error error{ErrorKind::kIntegrity, "TN-SHA256", "differs", "", report};
  const json document = parsed(to_json("load", Outcome{"x", *report, error}));
  EXPECT_EQ(document["error"]["code"], "TN-SHA256");
  EXPECT_EQ(document["verdict"], "refused");
}

TEST(ReportJson, TimingsAndAuditAppearOnlyAfterALoad) {
  LoadReport report;
  EXPECT_FALSE(parsed(to_json("check", Outcome{"x", report, {}})).contains("timings"));
  report.timings = Timings{.open_s = 1, .audit_s = 2};
  report.bytes_read = 7;
  report.audit = Audit{.tensors = 3};
  const json document = parsed(to_json("load", Outcome{"x", report, {}}));
  EXPECT_EQ(document["timings"]["audit_s"], 2.0);
  EXPECT_EQ(document["bytes_read"], 7);
  EXPECT_EQ(document["audit"]["tensors"], 3);
}

TEST(ReportJson, InspectionHoldsEverythingThatIdentifySaid) {
  Part part;
  part.part = "model";
  part.prefix = "module.";
  part.family = "vit";
  part.variant = "custom";
  part.layout = "timm";
  part.buildable = true;
  part.tensors = {0, 1};
  part.parameters = 12;
  part.config.set("depth", 2, ConfigOrigin::kShapes);
  part.evidence = {{"vit", "has blocks"}};
  part.refused = {{"clip", "no text tower"}};
  part.undecidable = {{"num_heads", {Value(8), Value(16)}, "--set num_heads=16", true}};
  Identity identity{IdentityStatus::kIdentified, {part}, {}};
  const json document =
      parsed(to_json(Inspection{"a.safetensors", two_tensors(), identity, {}, {}}));
  EXPECT_EQ(document["status"], "identified");
  const json& shown = document["parts"][0];
  EXPECT_EQ(shown["prefix"], "module.");
  EXPECT_EQ(shown["tensors"], 2);
  EXPECT_EQ(shown["config"], json({{"depth", 2}}));
  EXPECT_EQ(shown["evidence"][0], json({{"for", "vit"}, {"text", "has blocks"}}));
  EXPECT_EQ(shown["refused"][0], json({{"candidate", "clip"}, {"because", "no text tower"}}));
  EXPECT_EQ(shown["undecidable"][0]["choices"], json({8, 16}));
  EXPECT_FALSE(shown.contains("prefixes"));
  EXPECT_EQ(shown["buildable"], true);
}

TEST(ReportJson, SeveralPrefixesAreListedOnlyWhereTheyAreMixed) {
  Part part;
  part.prefix = "module.";
  part.prefixes = {"module.", ""};
  const Identity identity{IdentityStatus::kUnknown, {part}, {}};
  const json document = parsed(to_json(Inspection{"x", two_tensors(), identity, {}, {}}));
  EXPECT_EQ(document["parts"][0]["prefixes"], json({"module.", ""}));
}

TEST(ReportJson, DifferencesKeepBothSides) {
  Comparison comparison;
  comparison.path_a = "a";
  comparison.path_b = "b";
  comparison.only_in_a = {"x"};
  comparison.different = {{"y", "value", "F32 [2]", "F32 [2]", 0.5}};
  const json document = parsed(to_json(comparison));
  EXPECT_EQ(document["identical"], false);
  EXPECT_EQ(document["different"][0]["max_abs"], 0.5);
  EXPECT_EQ(document["only_in_b"], json::array());
}

TEST(ReportJson, SeveralDocumentsAreOneArray) {
  const Error error{ErrorKind::kUsage, "TN-USAGE", "m", "", nullptr};
  const json document = parsed(json_array({to_json("check", error), to_json("check", error)}));
  EXPECT_EQ(document.size(), 2u);
  EXPECT_EQ(parsed(json_array({})), json::array());
}

}  // namespace
}  // namespace tenon::report
