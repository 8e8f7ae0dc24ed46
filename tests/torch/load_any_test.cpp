// From a path to a module, on a golden of the ViT family.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>

#include <tenon/load.h>

#include "models/vit/vit.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torch/golden.h"
#include "tests/support/torch/hand_made.h"

namespace tenon {
namespace {

std::string plain() { return (test::golden_folder("vit", "timm_plain") / "checkpoint.safetensors").string(); }

LoadOptions settled() {
  LoadOptions options;
  options.set = test::Golden("vit", "timm_plain").set();
  return options;
}

TEST(LoadAny, GivesTheModuleAndEveryTensorsOrigin) {
  const auto loaded = load<models::Vit>(plain(), settled());
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto parameters = loaded->model->named_parameters();
  EXPECT_EQ(loaded->report.tensors.size(), parameters.size());
  EXPECT_EQ(loaded->report.audit->without_origin, 0U);
  for (const auto& [name, tensor] : test::read_tensors(plain())) EXPECT_TRUE(at::equal(parameters[name], tensor)) << name;
}

TEST(LoadAny, RefusesAnUndecidedHeadCountThatACheckOnlyWarnsOf) {
  const test::TempDir dir;
  const auto alone = dir / "model.safetensors";
  std::filesystem::copy_file(plain(), alone);
  const auto planned = plan_any(alone);
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_FALSE(planned->report.loadable);
  EXPECT_NE(planned->report.verdict, Verdict::kRefused);
  const auto refused = load_any(alone);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kRefused);
  ASSERT_TRUE(refused.error().report);
  EXPECT_NE(refused.error().message.find("num_heads"), std::string::npos) << refused.error().message;
  EXPECT_TRUE(load_any(alone, settled()));
}

TEST(LoadAny, NeverWritesThroughAMappingIntoTheFile) {
  const test::TempDir dir;
  const auto copy = dir / "model.safetensors";
  std::filesystem::copy_file(plain(), copy);
  auto options = settled();
  options.io = IoMode::kMmap;
  const auto loaded = load_any(copy, options);
  ASSERT_TRUE(loaded) << loaded.error().message;
  for (auto& item : loaded->model->named_parameters()) item.value().fill_(9);
  EXPECT_EQ(test::read_file(copy), test::read_file(plain()));
}

TEST(LoadAny, MappedAndReadTensorsAreEqual) {
  auto options = settled();
  options.io = IoMode::kMmap;
  const auto mapped = load_any(plain(), options);
  options.io = IoMode::kRead;
  const auto read = load_any(plain(), options);
  ASSERT_TRUE(mapped && read);
  const auto other = read->model->named_parameters();
  for (const auto& item : mapped->model->named_parameters()) EXPECT_TRUE(at::equal(item.value(), other[item.key()])) << item.key();
}

TEST(LoadAny, ChecksTheHashBeforeAnythingElse) {
  auto options = settled();
  options.sha256 = std::string(64, '0');
  const auto refused = load_any(plain(), options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kIntegrity);
  EXPECT_EQ(refused.error().code, "TN-SHA256");
  const auto at = refused.error().message.find("its SHA-256 is ");
  ASSERT_NE(at, std::string::npos);
  options.sha256 = refused.error().message.substr(at + 15, 64);
  EXPECT_TRUE(load_any(plain(), options));
}

TEST(LoadAny, ChecksThePolicysHashesOfEachFileByName) {
  auto options = settled();
  options.policy.expect.sha256 = {{"checkpoint.safetensors", std::string(64, 'a')}};
  const auto refused = load_any(plain(), options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kIntegrity);
  EXPECT_NE(refused.error().message.find("checkpoint.safetensors"), std::string::npos);
  const auto at = refused.error().message.find("its SHA-256 is ");
  options.policy.expect.sha256.begin()->second = refused.error().message.substr(at + 15, 64);
  EXPECT_TRUE(load_any(plain(), options));
  options.policy.expect.sha256 = {{"another.safetensors", std::string(64, 'a')}};
  const auto elsewhere = load_any(plain(), options);
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().kind, ErrorKind::kIntegrity);
}

struct Line {
  LogLevel level;
  std::string text;
};

std::vector<Line> logged(const std::string& path, LoadOptions options, bool succeeds) {
  std::vector<Line> lines;
  options.log = [&](LogLevel level, std::string_view text) { lines.push_back({level, std::string(text)}); };
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const auto loaded = load_any(path, options);
  EXPECT_EQ(testing::internal::GetCapturedStdout() + testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(loaded.has_value(), succeeds);
  return lines;
}

std::size_t with(const std::vector<Line>& lines, LogLevel level, const std::string& text) {
  return static_cast<std::size_t>(std::count_if(lines.begin(), lines.end(), [&](const Line& line) {
    return line.level == level && line.text.find(text) != std::string::npos;
  }));
}

TEST(LoadAny, TellsTheHostsLogWhereEachTensorCameFromAndHowItEnded) {
  const auto lines = logged(plain(), settled(), true);
  EXPECT_EQ(with(lines, LogLevel::kTrace, " [rename], F32 ["), test::read_tensors(plain()).size());
  EXPECT_EQ(lines.back().level, LogLevel::kInfo);
  EXPECT_EQ(lines.back().text.rfind("accepted: " + plain() + ": vit/", 0), 0U) << lines.back().text;
}

TEST(LoadAny, TellsTheHostsLogWhatWasWaivedAndWhatRefused) {
  auto options = settled();
  options.set.set("num_classes", 3, ConfigOrigin::kSet);
  const auto refused = logged(plain(), options, false);
  EXPECT_EQ(with(refused, LogLevel::kError, "[TN-SHAPE]"), 2U);  // weight and bias of the head
  EXPECT_EQ(with(refused, LogLevel::kInfo, ""), 0U);
  EXPECT_EQ(refused.back().level, LogLevel::kError);
  options.policy = policy_preset("lenient").value();
  const auto waived = logged(plain(), options, true);
  EXPECT_EQ(with(waived, LogLevel::kWarn, "[TN-SHAPE]"), 2U);
  EXPECT_EQ(with(waived, LogLevel::kError, ""), 0U);
  EXPECT_EQ(waived.back().text.rfind("accepted-with-waivers: ", 0), 0U) << waived.back().text;
}

TEST(LoadAny, IsCancelledWhileAHashIsComputed) {
  auto options = settled();
  options.sha256 = std::string(64, '0');
  options.progress = [](std::string_view, std::uint64_t done, std::uint64_t) { return done == 0; };
  const auto cancelled = load_any(plain(), options);
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().kind, ErrorKind::kCancelled);
}

TEST(LoadAny, RefusesASettingThatTheFamilyDoesNotHaveAsWrongUsage) {
  for (const auto& [key, value, code] : {std::tuple{"num_headz", Value(4), "TN-CONFIG-KEY"}, std::tuple{"num_heads", Value("abc"), "TN-CONFIG-VALUE"}}) {
    auto options = settled();
    options.set.set(key, value, ConfigOrigin::kSet);
    const auto refused = load_any(plain(), options);
    ASSERT_FALSE(refused) << key;
    EXPECT_EQ(refused.error().kind, ErrorKind::kUsage);
    EXPECT_EQ(refused.error().code, code);
    EXPECT_NE(refused.error().message.find(key), std::string::npos) << refused.error().message;
  }
}

TEST(LoadAny, SaysWhatItDoesNotKnow) {
  const test::TempDir dir;
  const auto path = dir.write("strange.safetensors", test::safetensors_of({{"some.tensor", at::rand({2, 2})}}));
  const auto refused = load_any(path);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kIdentity);
  ASSERT_TRUE(refused.error().report);
  EXPECT_FALSE(refused.error().report->diagnosis.empty());
}

TEST(LoadAny, RefusesAPartThatIsNotThere) {
  const auto refused = load_any(plain() + "::unet", settled());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "TN-PART");
  EXPECT_EQ(refused.error().kind, ErrorKind::kUsage);
}

TEST(LoadAny, ReportsItsStagesInOrder) {
  auto options = settled();
  std::vector<std::string> stages;
  options.progress = [&](std::string_view stage, std::uint64_t, std::uint64_t) {
    if (stages.empty() || stages.back() != stage) stages.emplace_back(stage);
    return true;
  };
  ASSERT_TRUE(load_any(plain(), options));
  EXPECT_EQ(stages, (std::vector<std::string>{"open", "identify", "plan", "read", "bind", "audit"}));
}

}  // namespace
}  // namespace tenon
