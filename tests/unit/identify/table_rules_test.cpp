// Each rule of the tables broken once: the error names code, file, line and column, and the unbroken table is accepted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <tenon/identify.h>

#include "runtime/identify/tables.h"
#include "tests/support/temp_dir.h"

namespace tenon {
namespace {

using ::testing::HasSubstr;

Derivation derive_no_config(const DeriveInput&) { return {}; }

constexpr std::string_view kSound = R"(tenon_tables: 1
family: toy
own: plain
sets: {wb: [weight, bias]}
fragments:
  norm:
    - ["${s}.norm.{wb}", "${s}.norm.{wb}"]
layouts:
  plain:
    evidence: {anchors: ["blocks.{i}.fc.weight"]}
    rows:
      - ["blocks.{i}.fc.{wb}", "blocks.{i}.fc.{wb}"]
      - ["blocks.{i}.q", "blocks.{i}.q"]
      - {use: norm, with: {s: "blocks.{i}"}}
    harmless:
      - {name: steps, because: a counter}
)";

/// Loads the sound table with one text replaced; "" when it is accepted.
Error load_with(std::string_view from, std::string_view to) {
  std::string text(kSound);
  if (!from.empty()) {
    const auto at = text.find(from);
    if (at == std::string::npos) ADD_FAILURE() << "the sound table has no " << from;
    text.replace(at, from.size(), to);
  }
  const FamilyTables family{.name = "toy", .yaml = text, .derive = derive_no_config};
  TablesOptions options;
  options.families = {};
  options.extra = {family};
  auto tables = load_tables(options);
  return tables ? Error{} : tables.error();
}

TEST(TableRules, ASoundTableIsAccepted) { EXPECT_EQ(load_with("", "").message, ""); }

struct Broken {
  const char* name;
  const char* from;
  const char* to;
  const char* code;
  const char* place;  // ":line:column:"
};

class BrokenTable : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenTable, IsRefusedWithItsPlace) {
  const Error error = load_with(GetParam().from, GetParam().to);
  EXPECT_EQ(error.code, GetParam().code) << error.message;
  EXPECT_THAT(error.message, HasSubstr(std::string("configs/toy.yaml") + GetParam().place));
  EXPECT_EQ(error.kind, ErrorKind::kUsage);
  EXPECT_LE(error.message.size(), 512U);
}

TEST(TableRules, AFaultQuotesWhatItNamesAndEscapesTheRest) {
  EXPECT_THAT(load_with("own: plain", "own: plain\nowner: me").message, HasSubstr(": unknown key \"owner\"; known here:"));
  EXPECT_THAT(load_with("own: plain", "own: plain\n\"a\\nb\": me").message, HasSubstr("unknown key \"a\\x0ab\";"));
  EXPECT_LE(load_with("own: plain", "own: plain\n'" + std::string(4000, '"') + "': me").message.size(), 512U);
}

constexpr const char* kRow = "      - [\"blocks.{i}.q\", \"blocks.{i}.q\"]\n";

INSTANTIATE_TEST_SUITE_P(
    Rules,
    BrokenTable,
    ::testing::Values(
        Broken{"UnknownKey", "own: plain", "own: plain\nowner: me", "TN-TABLE-KEY", ":4:1:"},
        Broken{"DuplicateKey", "own: plain", "own: plain\nown: plain", "TN-TABLE-YAML", ":4:1:"},
        Broken{"Version", "tenon_tables: 1", "tenon_tables: 2", "TN-TABLE-VERSION", ":1:15:"},
        Broken{"Family", "family: toy", "family: boy", "TN-TABLE-FAMILY", ":1:1:"},
        Broken{"Own", "own: plain", "own: fancy", "TN-TABLE-OWN", ":1:1:"},
        Broken{"Type", "anchors: [\"blocks.{i}.fc.weight\"]", "anchors: 7", "TN-TABLE-TYPE", ":10:25:"},
        Broken{"NoAnchors", "{anchors: [\"blocks.{i}.fc.weight\"]}", "{}", "TN-TABLE-EVIDENCE", ":9:3:"},
        Broken{"AnchorPattern", "{anchors: [\"blocks.{i}.fc.weight\"]}", "{anchors: [\"blocks..fc\"]}", "TN-TABLE-PATTERN", ":10:26:"},
        Broken{"OverlapOfLiterals", kRow, "      - [\"blocks.{j}.fc.weight\", \"x.{j}\"]\n", "TN-TABLE-OVERLAP", ""},
        Broken{"OverlapOfIndexAndLiteral", kRow, "      - [\"blocks.0.fc.bias\", x]\n", "TN-TABLE-OVERLAP", ""},
        Broken{"OverlapWithHarmless", "name: steps", "name: \"blocks.**\"", "TN-TABLE-OVERLAP", ""},
        Broken{"TwoRowsMakeOneTarget", kRow, "      - [\"other.{i}.w\", \"blocks.{i}.fc.weight\"]\n", "TN-TABLE-TARGET", ""},
        Broken{"UnknownSet", "blocks.{i}.q\", \"blocks.{i}.q", "blocks.{i}.{xx}\", \"blocks.{i}.q", "TN-TABLE-PATTERN", ":13:10:"},
        Broken{"SetOnOneSide", "blocks.{i}.q\", \"blocks.{i}.q", "blocks.{i}.q.{wb}\", \"blocks.{i}.q", "TN-TABLE-SET", ":13:9:"},
        Broken{"EmptySet", "{wb: [weight, bias]}", "{wb: [weight, bias], xx: []}", "TN-TABLE-SET", ":4:28:"},
        Broken{"OneLetterSet", "{wb: [weight, bias]}", "{wb: [weight, bias], x: [a]}", "TN-TABLE-SET", ":4:28:"},
        Broken{"IndexOnlyInTarget", "blocks.{i}.q\", \"blocks.{i}.q", "blocks.q\", \"blocks.{i}.q", "TN-TABLE-INDEX", ":13:9:"},
        Broken{"IndexLost", "blocks.{i}.q\", \"blocks.{i}.q", "blocks.{i}.{j}.q\", \"blocks.{i}.q", "TN-TABLE-INDEX", ":13:9:"},
        Broken{"IndexTwice", "blocks.{i}.q\", \"blocks.{i}.q", "blocks.{i}.{i}.q\", \"blocks.{i}.q", "TN-TABLE-INDEX", ":13:10:"},
        Broken{"UndefinedVariable", "\"blocks.{i}.q\", ", "\"${where}.{i}.q\", ", "TN-TABLE-VARIABLE", ":13:10:"},
        Broken{"UnknownFragment", "use: norm", "use: worm", "TN-TABLE-FRAGMENT", ":14:9:"},
        Broken{"BadExpression", "\"blocks.{i}.q\"]", "\"blocks.{i}.q\", \"spin($1)\"]", "TN-TABLE-EXPR", ":13:42:"},
        Broken{"ExpressionMissing", "[\"blocks.{i}.q\", ", "[[\"blocks.{i}.q\", \"blocks.{i}.k\"], ", "TN-TABLE-EXPR", ":13:9:"},
        Broken{"UnusedSource", kRow, "      - [[\"blocks.{i}.q\", \"blocks.{i}.k\"], \"blocks.{i}.q\", \"transpose($1)\"]\n", "TN-TABLE-EXPR", ":13:9:"},
        Broken{"NoInverse", "\"blocks.{i}.q\"]", "\"blocks.{i}.q\", \"slice($1, 0, 0, 1)\"]", "TN-TABLE-INVERSE", ":13:9:"},
        Broken{"BackNamesNoSource", kRow, "      - {from: \"blocks.{i}.q\", to: \"blocks.{i}.q\", back: {other: $1}}\n", "TN-TABLE-INVERSE", ":13:59:"},
        Broken{"NoReason", "because: a counter", "derived: true", "TN-TABLE-HARMLESS", ":16:9:"},
        Broken{"UnknownSpelling", kRow, "      - {from: \"blocks.{i}.q\", to: \"blocks.{i}.q\", when: {names: old}}\n", "TN-TABLE-SPELLING", ":13:9:"},
        Broken{"RowOfOne", kRow, "      - [\"blocks.{i}.q\"]\n", "TN-TABLE-ROW", ":13:9:"},
        Broken{"WildcardInRow", "\"blocks.{i}.q\", ", "\"blocks.{i}.**\", ", "TN-TABLE-PATTERN", ":13:10:"},
        Broken{"RootWithoutDot", "  plain:\n", "  plain:\n    roots: [\"model\"]\n", "TN-TABLE-ROOT", ":10:13:"},
        Broken{"SpellingThatNeverHolds", "  plain:\n", "  plain:\n    spellings: {s: {x: {all: [a], none: [a]}}}\n", "TN-TABLE-SPELLING", ":10:21:"},
        Broken{"SpellingOfASizeThatNeverHolds", "  plain:\n",
               "  plain:\n    spellings: {s: {x: {all: [{name: a, shape: [_, 2]}], none: [{name: a, shape: [_, 2]}]}}}\n", "TN-TABLE-SPELLING", ":10:21:"},
        Broken{"BadRead", "own: plain", "own: plain\nreads: {depth: size(a)}", "TN-TABLE-READ", ":4:16:"},
        Broken{"VariantColumns", "own: plain", "own: plain\nvariants: {match: [a, b], list: {one: [1]}}", "TN-TABLE-VARIANT", ":4:34:"},
        Broken{"ConfigType", "own: plain", "own: plain\nconfig: {depth: {type: number}}", "TN-TABLE-CONFIG", ":4:10:"},
        Broken{"MarkOfNothing", "own: plain", "own: plain\nmarks: [{is: x}]", "TN-TABLE-MARK", ":4:9:"},
        Broken{"MarkWithoutKey", "own: plain", "own: plain\nmarks: [{tensor: a, set: {b: 1}}]", "TN-TABLE-MARK", ":4:9:"},
        Broken{"DefaultWithoutLibrary", "own: plain", "own: plain\ndefaults: [{config: {width: 1}}]", "TN-TABLE-DEFAULT", ":4:"},
        Broken{"DefaultOfNothing", "own: plain", "own: plain\ndefaults: [{of: x}]", "TN-TABLE-DEFAULT", ":4:"},
        Broken{"DefaultWithoutVariant", "own: plain", "own: plain\ndefaults: [{of: x, variant: c}]", "TN-TABLE-DEFAULT", ":4:"},
        Broken{"MarkWithoutVariant", "own: plain", "own: plain\nmarks: [{metadata: a, is: b, variant: c}]", "TN-TABLE-MARK", ":4:9:"},
        Broken{"LikeWhatIsNotAbove", "layouts:\n", "layouts:\n  flat: {like: plain}\n", "TN-TABLE-LAYOUT", ":9:3:"},
        Broken{"LikeWithRows", "      - {name: steps, because: a counter}\n", "      - {name: steps, because: a counter}\n  flat: {like: plain, rows: []}\n",
               "TN-TABLE-KEY", ":17:"},
        Broken{"FilePrefixWithoutDot", "  plain:\n", "  plain:\n    file: {prefix: model}\n", "TN-TABLE-FILE", ":10:"},
        Broken{"PartWithoutDot", "own: plain", "own: plain\nparts: {unet: unet}", "TN-TABLE-PART", ":4:8:"},
        Broken{"TargetOutsideOwn", "    harmless:\n      - {name: steps, because: a counter}\n",
               "  other:\n    evidence: {anchors: [zz]}\n    rows:\n      - [zz, \"stranger\"]\n", "TN-TABLE-OWN", ":18:9:"},
        Broken{"LayoutWithoutRows", "    harmless:\n      - {name: steps, because: a counter}\n",
               "  other:\n    evidence: {anchors: [zz]}\n", "TN-TABLE-LAYOUT", ":15:3:"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(TableRules, AFamilyWithoutCodeMustBeDeclined) {
  const FamilyTables family{.name = "toy", .yaml = kSound};
  TablesOptions options;
  options.families = {};
  options.extra = {family};
  const auto tables = load_tables(options);
  ASSERT_FALSE(tables);
  EXPECT_EQ(tables.error().code, "TN-TABLE-FAMILY");
}

TEST(TableRules, ASpellingMayExcludeASizeOfWhatItAsksFor) {
  std::string yaml(kSound);
  yaml.insert(yaml.find("  plain:\n") + 9, "    spellings: {s: {x: {all: [a], none: [{name: a, shape: [_, 2]}]}}}\n");
  const std::vector<FamilyTables> families = {{.name = "toy", .yaml = yaml, .derive = derive_no_config}};
  TablesOptions options;
  options.families = families;
  const auto tables = load_tables(options);
  EXPECT_TRUE(tables) << tables.error().message;
}

class TablesOfAFolder : public testing::Test {
 protected:
  TablesOfAFolder() {
    options_.families = families_;
    options_.override_dir = folder_.path().string();
  }
  const test::TempDir folder_;
  const std::vector<FamilyTables> families_ = {{.name = "toy", .yaml = kSound, .derive = derive_no_config}};
  TablesOptions options_;
};

TEST_F(TablesOfAFolder, OverrideThoseBuiltInByNameAndAreProved) {
  const auto empty = load_tables(options_);
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, "TN-TABLE-FOLDER");
  folder_.write("toy.yaml", kSound);
  EXPECT_TRUE(load_tables(options_));
  std::string broken(kSound);
  broken.replace(broken.find("own: plain"), 10, "own: fancy");
  folder_.write("toy.yaml", broken);
  const auto refused = load_tables(options_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "TN-TABLE-OWN");
  EXPECT_THAT(refused.error().message, HasSubstr("toy.yaml:1:1:"));
}

TEST_F(TablesOfAFolder, MayBeOfNewFamilies) {
  for (const char* name : {"boat", "car", "train", "wagon"}) {
    folder_.write(std::string(name) + ".yaml", fmt::format(R"(tenon_tables: 1
family: {0}
about: a {0}
declined: {{because: "it moves", instead: "leave it"}}
layouts:
  plain:
    evidence:
      anchors: ["{0}.{{i}}.weight"]
)", name));
  }
  const auto tables = load_tables(options_);
  ASSERT_TRUE(tables) << tables.error().message;
  EXPECT_NE((*tables)->family("wagon"), nullptr);
  EXPECT_NE((*tables)->family("toy"), nullptr);
}

}  // namespace
}  // namespace tenon
