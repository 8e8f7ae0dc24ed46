#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tenon/identify.h>

#include "tests/support/lists.h"

namespace tenon {
namespace {

class DeclinedList : public ::testing::TestWithParam<test::ListCase> {};

TEST_P(DeclinedList, IsNamedAndNotBuilt) {
  const auto checkpoint = test::make_checkpoint(test::read_list(GetParam().file));
  const auto identity = identify(*checkpoint, *builtin_tables());
  ASSERT_TRUE(identity) << identity.error().message;
  for (const Part& part : identity->parts) EXPECT_FALSE(part.buildable) << GetParam().file;
  const auto& family = GetParam().inspect.at("family");
  if (family.is_null()) return;
  ASSERT_EQ(identity->status, IdentityStatus::kIdentified) << GetParam().file;
  EXPECT_EQ(identity->parts[0].family, family.get<std::string>()) << GetParam().file;
  EXPECT_FALSE(identity->parts[0].declined.empty());
}

INSTANTIATE_TEST_SUITE_P(All, DeclinedList, ::testing::ValuesIn(test::list_cases("declined/")));

}  // namespace
}  // namespace tenon
