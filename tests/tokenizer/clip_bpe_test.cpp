#include "tools/tokenizer/clip_bpe.h"

#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/paths.h"
#include "tests/support/temp_dir.h"
#include "tools/tokenizer/clean.h"
#include "tools/tokenizer/html.h"

namespace tenon::tokenizer {
namespace {

using Ids = std::vector<std::int64_t>;

const ClipBpe& digits_vocabulary() {
  static const auto bpe = ClipBpe::read((test::source_dir() / "tests/data/digits_clip/merges.txt").string());
  return bpe.value();
}

Result<ClipBpe> read(const test::TempDir& folder, const std::string& text) {
  const auto path = folder.path() / "merges.txt";
  std::ofstream(path, std::ios::binary) << text;
  return ClipBpe::read(path.string());
}

TEST(ClipBpe, GivesTheIdsOfOpenClipForAThousandTexts) {
  std::ifstream file(test::source_dir() / "tests/golden/tokenizer/strings.json");
  const auto golden = nlohmann::json::parse(file);
  ASSERT_EQ(golden.at("strings").size(), 1000u);
  EXPECT_EQ(digits_vocabulary().start(), golden.at("start"));
  EXPECT_EQ(digits_vocabulary().end(), golden.at("end"));
  for (const auto& row : golden.at("strings")) {
    const auto ids = digits_vocabulary().encode(row.at("text").get<std::string>());
    ASSERT_TRUE(ids) << ids.error();
    EXPECT_EQ(*ids, row.at("ids").get<Ids>()) << row.dump();
  }
}

TEST(ClipBpe, PadsAfterTheEnd) {
  const auto text = digits_vocabulary().encode("the digit");
  ASSERT_TRUE(text);
  Ids expected{digits_vocabulary().start()};
  expected.insert(expected.end(), text->begin(), text->end());
  expected.push_back(digits_vocabulary().end());
  expected.resize(9, 7);
  EXPECT_EQ(digits_vocabulary().sequence("the digit", 9, 7).value(), expected);
}

TEST(ClipBpe, KeepsTheEndOfATextThatIsTooLong) {
  const auto ids = digits_vocabulary().sequence("one two three four five six seven", 4, 0).value();
  ASSERT_EQ(ids.size(), 4u);
  EXPECT_EQ(ids.front(), digits_vocabulary().start());
  EXPECT_EQ(ids.back(), digits_vocabulary().end());
}

TEST(ClipBpe, RefusesALineThatIsNoMerge) {
  const test::TempDir folder;
  EXPECT_TRUE(read(folder, "#version\nt h\nth e</w>"));
  const auto bad = read(folder, "#version\nt h\nthe\n");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, "BPE-LINE");
  EXPECT_NE(bad.error().message.find("line 3 is \"the\""), std::string::npos) << bad.error().message;
}

TEST(ClipBpe, RefusesASymbolThatNoEarlierLineMade) {
  const test::TempDir folder;
  EXPECT_TRUE(read(folder, "#version\nh e\nt he"));
  const auto bad = read(folder, "#version\nt he\nh e");
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find("line 2"), std::string::npos) << bad.error().message;
}

TEST(ClipBpe, RefusesAFileThatIsNotThere) {
  const test::TempDir folder;
  const auto bad = ClipBpe::read((folder.path() / "none.txt").string());
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, "BPE-READ");
  EXPECT_EQ(bad.error().kind, ErrorKind::kNotFound);
}

TEST(ClipBpe, RefusesATextThatIsNotUtf8) {
  EXPECT_TRUE(digits_vocabulary().encode("caf\xc3\xa9"));
  const auto bad = digits_vocabulary().encode("caf\xe9");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, "BPE-UTF8");
  EXPECT_NE(bad.error().message.find("at byte 3"), std::string::npos) << bad.error().message;
}

TEST(Cleaned, RepairsWhatOneRepairLaysOpen) {
  EXPECT_EQ(cleaned("&am\x07p;rsquo; x"), "' x");
  EXPECT_EQ(cleaned("  A&nbsp;\t B "), "a b");
}

TEST(UnescapeHtml, NeedsASemicolonOnlyWhereAsked) {
  EXPECT_EQ(unescape_html("&ampx; &amp; &notit;", HtmlReferences::kAll), "&x; & \xc2\xacit;");
  EXPECT_EQ(unescape_html("&ampx; &amp; &notit;", HtmlReferences::kClosed), "&ampx; & &notit;");
}

TEST(UnescapeHtml, ReadsNumbersAsABrowserDoes) {
  EXPECT_EQ(unescape_html("&#65;&#x42;&#67", HtmlReferences::kAll), "ABC");
  EXPECT_EQ(unescape_html("&#x80;&#0;&#xD800;&#99999999999;&#1;", HtmlReferences::kAll),
            "\xe2\x82\xac\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(unescape_html("&#; &#x; &", HtmlReferences::kAll), "&#; &#x; &");
}

}  // namespace
}  // namespace tenon::tokenizer
