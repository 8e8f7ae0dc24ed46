// Which part of a checkpoint is meant when a path names none.
#include "runtime/identify/choose_part.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tenon {
namespace {

using ::testing::HasSubstr;

struct Listed {
  std::string part;
  std::string family;
  bool buildable = true;
};

Identity identity_of(const std::vector<Listed>& parts) {
  Identity identity;
  for (const Listed& listed : parts) {
    Part part;
    part.part = listed.part;
    part.family = listed.family;
    part.buildable = listed.buildable;
    part.tensors = {static_cast<std::uint32_t>(identity.parts.size())};
    identity.parts.push_back(std::move(part));
  }
  return identity;
}

/// The name of the part that is chosen; the test has failed when there is none.
std::string chosen(const Identity& identity, const std::string& wanted = "", const std::string& family = "") {
  const auto index = choose_part(identity, wanted, family, "run.pt");
  if (!index) ADD_FAILURE() << index.error().message;
  return index ? identity.parts[*index].part : "";
}

TEST(ChoosePart, TakesTheOnlyPartThatIsBuilt) {
  EXPECT_EQ(chosen(identity_of({{"optimizer", "training-state", false}, {"model", "vit"}})), "model");
}

TEST(ChoosePart, TakesPlainWeightsBeforeTheirAverage) {
  const auto identity = identity_of({{"ema", "vit"}, {"model", "vit"}});
  EXPECT_EQ(chosen(identity), "model");
  EXPECT_EQ(chosen(identity, "ema"), "ema");
}

TEST(ChoosePart, TakesAnAverageThatStandsAlone) { EXPECT_EQ(chosen(identity_of({{"ema", "vit"}})), "ema"); }

TEST(ChoosePart, NamesBothOfStudentAndTeacher) {
  const auto identity = identity_of({{"student", "vit"}, {"teacher", "vit"}});
  const auto refused = choose_part(identity, "", "", "run.pt");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUsage);
  EXPECT_EQ(refused.error().code, "TN-PART");
  EXPECT_THAT(refused.error().message, HasSubstr("student (vit), teacher (vit)"));
  EXPECT_THAT(refused.error().remedy, HasSubstr("run.pt::student"));
  EXPECT_EQ(chosen(identity, "teacher"), "teacher");
}

TEST(ChoosePart, TakesTheFamilyThatIsAskedFor) {
  const auto identity = identity_of({{"unet", "unet"}, {"text_encoder", "clip"}});
  EXPECT_FALSE(choose_part(identity, "", "", "run.pt"));
  EXPECT_EQ(chosen(identity, "", "clip"), "text_encoder");
}

TEST(ChoosePart, NamesWhatIsThereWhenThePartIsNot) {
  const auto refused = choose_part(identity_of({{"model", "vit"}}), "vae", "", "run.pt");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("no part \"vae\""));
  EXPECT_THAT(refused.error().message, HasSubstr("model (vit)"));
}

TEST(ChoosePart, NamesModelsBeforeTheirAveragesAndWhatTrainingLeft) {
  const auto identity = identity_of({{"optimizer", "training-state", false}, {"ema", "vit"}, {"vae", "vae", false}, {"model", "vit"}});
  const auto refused = choose_part(identity, "nosuch", "", "run.pt");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "TN-PART");
  EXPECT_THAT(refused.error().message, HasSubstr("it holds model (vit), ema (vit), vae (vae), optimizer (training-state)"));
  EXPECT_EQ(refused.error().remedy, "name one: run.pt::model");
  EXPECT_EQ(chosen(identity, "model"), "model");
}

}  // namespace
}  // namespace tenon
