#include "runtime/io/text.h"

#include <gtest/gtest.h>

namespace tenon::io {
namespace {

TEST(Escape, LeavesPlainTextAlone) { EXPECT_EQ(escape("blocks.0.attn.qkv.weight"), "blocks.0.attn.qkv.weight"); }

TEST(Escape, MakesControlCharactersAndBrokenBytesVisible) {
  EXPECT_EQ(escape("a\nb\x7f\xff\xc0\x80"), "a\\x0ab\\x7f\\xff\\xc0\\x80");
  EXPECT_EQ(escape("\"\\"), "\\\"\\\\");
}

TEST(Escape, SpellsOtherCodePoints) { EXPECT_EQ(escape("\xc3\xa9\xf0\x9f\x98\x80"), "\\u{e9}\\u{1f600}"); }

TEST(Escape, NeverExceedsTheLimitAndNeverCutsAnEscape) {
  for (std::size_t limit = 3; limit < 40; ++limit) {
    const std::string cut = escape("ab\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", limit);
    EXPECT_LE(cut.size(), limit);
    if (cut.ends_with("...")) {
      const std::string body = cut.substr(0, cut.size() - 3);
      EXPECT_TRUE(body.size() <= 2 || (body.size() - 2) % 4 == 0) << cut;
    }
  }
}

TEST(Utf8, RefusesOverlongSurrogatesAndBeyondUnicode) {
  for (const char* bad : {"\xc0\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                          "\x80", "\xe2\x82", "\xc3"}) {
    EXPECT_EQ(find_invalid_utf8(std::string("ab") + bad), 2u);
  }
  EXPECT_EQ(find_invalid_utf8("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"), std::nullopt);
}

TEST(MessageLine, NamesFileTensorByteAndCode) {
  EXPECT_EQ(message_line({.file = "m.safetensors", .tensor = "a", .byte = 96}, "found", "required", "ST-HOLE"),
            "m.safetensors: tensor \"a\": at byte 96: found; required [ST-HOLE]");
}

TEST(MessageLine, StaysUnder512BytesAndKeepsTheCode) {
  const std::string path = "/data/" + std::string(4000, 'd') + "/model.safetensors";
  const std::string line =
    message_line({.file = path, .tensor = std::string(4000, '\xff')}, std::string(600, 'x'), "required", "ST-HOLE");
  EXPECT_LE(line.size(), 512u);
  EXPECT_TRUE(line.ends_with("... [ST-HOLE]")) << line;
  EXPECT_NE(line.find("/model.safetensors: tensor"), std::string::npos) << line;
}

TEST(MessageLine, IsOneLineOfAscii) {
  const std::string line = message_line({.file = "a\nb\xe2\x82\xac"}, "x", "y", "ST-HOLE");
  for (const char c : line) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << line;
}

}  // namespace
}  // namespace tenon::io
