// The fragments of docs/embedding.md, word for word, on a real checkpoint.
#include <string>

#include <gtest/gtest.h>

#include <tenon/load.h>

#include "tests/support/host_log.h"
#include "tests/support/paths.h"

namespace {

std::string digits() { return (tenon::test::source_dir() / "tests/data/digits/transformers").string(); }

TEST(Embedding, OptionsAreSetFieldByField) {
  const std::string expected_hash(64, 'a');

  tenon::LoadOptions options;
  options.device = at::kCUDA;  // after tenon::enable_cuda()
  options.dtype = tenon::DType::kBF16;
  options.policy.allow_unexpected("**.position_ids", tenon::Severity::kNote);
  options.set.set("num_classes", 10, tenon::ConfigOrigin::kSet);
  options.sha256 = expected_hash;

  ASSERT_EQ(options.policy.rules.size(), 1U);
  EXPECT_EQ(options.policy.rules.front().on, tenon::FindingKind::kUnexpected);
  EXPECT_EQ(options.policy.rules.front().level, tenon::Severity::kNote);
  EXPECT_EQ(options.set.int_or("num_classes", 0), 10);
}

TEST(Embedding, ProgressGoesOnOrCancels) {
  const tenon::LogFunction host_log = tenon::test::host_log();
  bool stop_requested = false;
  tenon::LoadOptions options;

  options.log = host_log;  // any function(LogLevel, string_view), or tenon::log_to(logger) of <tenon/spdlog.h>
  options.progress = [&](std::string_view /*stage*/, std::uint64_t /*done*/, std::uint64_t /*total*/) {
    return !stop_requested;  // false cancels within one chunk and leaves nothing behind
  };

  ASSERT_TRUE(tenon::load_any(digits(), options));
  stop_requested = true;
  const auto cancelled = tenon::load_any(digits(), options);
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().kind, tenon::ErrorKind::kCancelled);
}

}  // namespace
