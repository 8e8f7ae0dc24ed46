#include "tests/support/paths.h"

#include <gtest/gtest.h>

namespace {

TEST(Paths, SourceFolderHoldsTheLicence) {
  EXPECT_TRUE(std::filesystem::exists(tenon::test::source_dir() / "LICENSE"));
}

}  // namespace
