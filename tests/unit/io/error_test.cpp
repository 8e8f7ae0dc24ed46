#include <gtest/gtest.h>
#include <sstream>
#include <tenon/error.h>

namespace tenon {
namespace {

std::string printed(std::string message, std::string remedy) {
  std::ostringstream out;
  out << Error{ErrorKind::kRefused, "TN-X", std::move(message), std::move(remedy), nullptr};
  return out.str();
}

TEST(Error, PrintsTheFieldsOfTheOptionsThatItsTextNames) {
  EXPECT_EQ(printed("this is unet/sdxl; --as asks for unet/sd1", "tenon check a --as unet/sdxl"),
            "this is unet/sdxl; --as asks for unet/sd1\n  tenon check a --as unet/sdxl\n  in C++: --as is LoadOptions::family and ::variant");
  EXPECT_EQ(printed("m", "tenon check a --policy lenient --set depth=1"),
            "m\n  tenon check a --policy lenient --set depth=1\n"
            "  in C++: --set is LoadOptions::set; --policy is LoadOptions::policy");
}

TEST(Error, PrintsNoFieldWhereItsTextNamesNoOption) {
  EXPECT_EQ(printed("no such file", ""), "no such file");
  EXPECT_EQ(printed("the key my--set is unknown", "tenon ls --settings"), "the key my--set is unknown\n  tenon ls --settings");
}

}  // namespace
}  // namespace tenon
