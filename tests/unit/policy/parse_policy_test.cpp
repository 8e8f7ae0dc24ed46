#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tenon/policy.h>

namespace tenon {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kWhole = R"(tenon_policy: 1
base: lenient
fail_at: warning
rules:
  - {on: missing, key: "head.**", do: fill, with: zeros, level: note}
  - {on: shape, key: "pos_embed", do: resize, method: bicubic}
  - {on: shape, key: "conv_in.weight", do: inflate, with: 0.5}
  - {on: unexpected, key: "**.position_ids", do: drop}
  - {on: dtype, key: "**", do: cast, to: bf16, keep_fp32: ["**.norm*.**"]}
expect: {family: photomaker, variant: v2, sha256: {"a.bin": "ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef0123456789"}}
)";

TEST(ParsePolicy, ReadsEveryKey) {
  const auto parsed = parse_policy("dir/p.yaml", kWhole);
  ASSERT_TRUE(parsed) << parsed.error().message;
  const Policy& policy = *parsed;
  EXPECT_EQ(policy.name, "dir/p.yaml");
  EXPECT_EQ(policy.base, PolicyBase::kLenient);
  EXPECT_EQ(policy.fail_at, Severity::kWarning);
  ASSERT_EQ(policy.rules.size(), 5u);
  EXPECT_EQ(policy.rules[0].with.kind, Fill::Kind::kZeros);
  EXPECT_EQ(policy.rules[0].level, Severity::kNote);
  EXPECT_EQ(policy.rules[0].text, "dir/p.yaml:5");
  EXPECT_EQ(policy.rules[1].method, "bicubic");
  EXPECT_EQ(policy.rules[1].level, Severity::kWarning);
  EXPECT_EQ(policy.rules[2].with.kind, Fill::Kind::kConstant);
  EXPECT_EQ(policy.rules[2].with.value, 0.5);
  EXPECT_EQ(policy.rules[4].to, DType::kBF16);
  EXPECT_EQ(policy.rules[4].keep_fp32, std::vector<std::string>{"**.norm*.**"});
  EXPECT_EQ(policy.expect.family, "photomaker");
  EXPECT_EQ(policy.expect.sha256.at("a.bin"),
            "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789");
}

TEST(ParsePolicy, ReadsTheSameFromJson) {
  const auto parsed = parse_policy(
      "p.json",
      R"({"tenon_policy": 1, "rules": [{"on": "missing", "key": "head.**", "do": "fill", "with": "ones"}]})");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->rules.at(0).with.kind, Fill::Kind::kOnes);
}

TEST(ParsePolicy, AFileWithoutRulesIsItsBase) {
  const auto parsed = parse_policy("p.yaml", "tenon_policy: 1\n");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->base, PolicyBase::kStrict);
  EXPECT_TRUE(parsed->rules.empty());
}

struct Wrong {
  const char* name;
  const char* text;
  const char* code;
  const char* place;
  const char* says;
};

class WrongPolicy : public testing::TestWithParam<Wrong> {};

TEST_P(WrongPolicy, IsRefusedWithItsPlace) {
  const Wrong& wrong = GetParam();
  const auto parsed = parse_policy("p.yaml", wrong.text);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().kind, ErrorKind::kUsage);
  EXPECT_EQ(parsed.error().code, wrong.code);
  EXPECT_THAT(parsed.error().message, StartsWith(wrong.place));
  EXPECT_THAT(parsed.error().message, HasSubstr(wrong.says));
  EXPECT_LE(parsed.error().message.size(), 512u);
}

INSTANTIATE_TEST_SUITE_P(
    Files, WrongPolicy,
    testing::Values(
        Wrong{"TopKey", "tenon_policy: 1\nbases: strict\n", "TN-POLICY-KEY",
              "p.yaml:2:1: ", "\"bases\""},
        Wrong{"RuleKey",
              "tenon_policy: 1\nrules:\n  - {on: missing, key: a, do: fill, lvel: note}\n",
              "TN-POLICY-KEY", "p.yaml:3:37: ", "lvel"},
        Wrong{"Duplicate", "tenon_policy: 1\nbase: strict\nbase: lenient\n", "TN-POLICY-SYNTAX",
              "p.yaml:3:1: ", "base"},
        Wrong{"Base", "tenon_policy: 1\nbase: loose\n", "TN-POLICY-VALUE",
              "p.yaml:2:7: ", "lenient"},
        Wrong{"Version", "tenon_policy: 2\n", "TN-POLICY-VALUE",
              "p.yaml:1:15: ", "tenon_policy: 1"},
        Wrong{"NoVersion", "base: strict\n", "TN-POLICY-VALUE", "p.yaml:1:1: ", "tenon_policy: 1"},
        Wrong{"Action", "tenon_policy: 1\nrules:\n  - {on: missing, key: a, do: drop}\n",
              "TN-POLICY-VALUE", "p.yaml:3:31: ", "fill, refuse"},
        Wrong{"NoKey", "tenon_policy: 1\nrules:\n  - {on: missing, do: fill}\n", "TN-POLICY-VALUE",
              "p.yaml:3:5: ", "key:"},
        Wrong{"Meaningless",
              "tenon_policy: 1\nrules:\n  - {on: shape, key: a, do: resize, to: bf16}\n",
              "TN-POLICY-KEY", "p.yaml:3:41: ", "to:"},
        Wrong{"Pattern", "tenon_policy: 1\nrules:\n  - {on: missing, key: \"a.{\", do: fill}\n",
              "TN-POLICY-PATTERN", "p.yaml:3:24: ", "a.{"},
        Wrong{"PatternOfAnyBytes", "tenon_policy: 1\nrules:\n  - {on: missing, key: \"a.{\xff\\n\\e[31m\", do: fill}\n",
              "TN-POLICY-PATTERN", "p.yaml:3:24: ", "pattern \"a.{\\xff\\x0a\\x1b[31m\": \"{\\xff\\x0a\\x1b[31m\": a {capture}"},
        Wrong{"With", "tenon_policy: 1\nrules:\n  - {on: missing, key: a, do: fill, with: noise}\n",
              "TN-POLICY-VALUE", "p.yaml:3:43: ", "noise"},
        Wrong{"CastWithoutTo", "tenon_policy: 1\nrules:\n  - {on: dtype, key: a, do: cast}\n",
              "TN-POLICY-VALUE", "p.yaml:3:5: ", "to:"},
        Wrong{"SoftRefusal",
              "tenon_policy: 1\nrules:\n  - {on: missing, key: a, do: refuse, level: note}\n",
              "TN-POLICY-VALUE", "p.yaml:3:46: ", "error"},
        Wrong{"Hash", "tenon_policy: 1\nexpect: {sha256: {a.bin: 12ab}}\n", "TN-POLICY-VALUE",
              "p.yaml:2:26: ", "64 hexadecimal digits"},
        Wrong{"On", "tenon_policy: 1\nrules:\n  - {on: absent, key: a, do: fill}\n", "TN-POLICY-VALUE",
              "p.yaml:3:10: ", "absent"},
        Wrong{"Level", "tenon_policy: 1\nrules:\n  - {on: missing, key: a, do: fill, level: loud}\n",
              "TN-POLICY-VALUE", "p.yaml:3:44: ", "loud"},
        Wrong{"Seed", "tenon_policy: 1\nrules:\n  - {on: missing, key: a, do: fill, seed: -1}\n",
              "TN-POLICY-VALUE", "p.yaml:3:43: ", "seed"},
        Wrong{"Method", "tenon_policy: 1\nrules:\n  - {on: shape, key: a, do: resize, method: cubic}\n",
              "TN-POLICY-VALUE", "p.yaml:3:45: ", "bicubic"},
        Wrong{"To", "tenon_policy: 1\nrules:\n  - {on: dtype, key: a, do: cast, to: int8}\n",
              "TN-POLICY-VALUE", "p.yaml:3:39: ", "int8"},
        Wrong{"KeepFp32",
              "tenon_policy: 1\nrules:\n  - {on: dtype, key: a, do: cast, to: bf16, keep_fp32: [\"a.{\"]}\n",
              "TN-POLICY-PATTERN", "p.yaml:3:57: ", "a.{"},
        Wrong{"FailAt", "tenon_policy: 1\nfail_at: fatal\n", "TN-POLICY-VALUE", "p.yaml:2:10: ",
              "warning"},
        Wrong{"ExpectKey", "tenon_policy: 1\nexpect: {famly: vit}\n", "TN-POLICY-KEY",
              "p.yaml:2:10: ", "famly"},
        Wrong{"Json", "{\"tenon_policy\": 1,\n \"bases\": \"strict\"}\n", "TN-POLICY-KEY",
              "p.yaml:2:2: ", "bases"},
        Wrong{"RulesNoList", "tenon_policy: 1\nrules: 3\n", "TN-POLICY-VALUE",
              "p.yaml:2:8: ", "list"},
        Wrong{"Syntax", "tenon_policy: 1\nrules: [\n", "TN-POLICY-SYNTAX", "p.yaml:", ""},
        Wrong{"Tab", "tenon_policy: 1\nrules:\n\t- {on: missing, key: a, do: fill}\n", "TN-POLICY-SYNTAX", "p.yaml:3:1: ", "a tab in the indentation"},
        Wrong{"TabBehindSpaces", "tenon_policy: 1\nrules:\n  \t- {on: missing, key: a, do: fill}\n", "TN-POLICY-SYNTAX", "p.yaml:3:3: ", "a tab"},
        Wrong{"Empty", "", "TN-POLICY-VALUE", "p.yaml:", "map"}),
    [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace tenon
