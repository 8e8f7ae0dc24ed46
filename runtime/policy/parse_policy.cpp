// Policy files: YAML, and JSON, which YAML reads as well.
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <span>
#include <tenon/policy.h>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/io/memory_guard.h"
#include "runtime/io/text.h"
#include "runtime/mapping/pattern.h"
#include "runtime/mapping/yaml_node.h"
#include "runtime/policy/rule_choices.h"

namespace tenon {
namespace {

constexpr std::size_t kShaDigits = 64;

template <class T>
struct Word {
  std::string_view text;
  T value;
};
template <class T>
using Words = std::span<const Word<T>>;
using Keys = std::span<const std::string_view>;

constexpr std::string_view kTopKeys[] = {"tenon_policy", "base", "fail_at", "rules", "expect"};
constexpr std::string_view kRuleKeys[] = {"on",     "key", "do",        "with", "seed",
                                          "method", "to",  "keep_fp32", "level"};
constexpr std::string_view kExpectKeys[] = {"family", "variant", "sha256"};

constexpr Word<PolicyBase> kBases[] = {
    {"strict", PolicyBase::kStrict},
    {"lenient", PolicyBase::kLenient},
    {"hf-like", PolicyBase::kHfLike},
    {"ignore_mismatched_sizes", PolicyBase::kIgnoreMismatchedSizes}};
constexpr Word<Severity> kLevels[] = {
    {"note", Severity::kNote}, {"warning", Severity::kWarning}, {"error", Severity::kError}};
constexpr Word<FindingKind> kKinds[] = {{"missing", FindingKind::kMissing},
                                        {"unexpected", FindingKind::kUnexpected},
                                        {"shape", FindingKind::kShape},
                                        {"dtype", FindingKind::kDtype}};
constexpr Word<DType> kCasts[] = {
    {"fp32", DType::kF32}, {"fp16", DType::kF16}, {"bf16", DType::kBF16}};

template <class T>
std::string listed(Words<T> words) {
  std::string text;
  for (const Word<T>& word : words) text += (text.empty() ? "" : ", ") + std::string(word.text);
  return text;
}

std::string listed(Keys keys) {
  std::string text;
  for (const std::string_view key : keys) text += (text.empty() ? "" : ", ") + std::string(key);
  return text;
}

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  Result<Policy> read(const YamlNode& root) {
    Policy policy;
    policy.name = path_;
    if (root.kind != YamlNode::Kind::kMap)
      return refuse(root.mark, "VALUE", "a policy is a map of keys");
    if (auto known = only_keys(root, kTopKeys); !known) return tl::unexpected(known.error());
    const YamlNode* version = root.find("tenon_policy");
    if (version == nullptr || version->to_value() != Value(1)) {
      return refuse(version == nullptr ? root.mark : version->mark, "VALUE",
                    "required: tenon_policy: 1");
    }
    if (auto read = word(root, "base", kBases, policy.base); !read)
      return tl::unexpected(read.error());
    if (auto read = word(root, "fail_at", kLevels, policy.fail_at); !read)
      return tl::unexpected(read.error());
    if (auto read = rules(root, policy); !read) return tl::unexpected(read.error());
    if (auto read = expect(root, policy.expect); !read) return tl::unexpected(read.error());
    return policy;
  }

 private:
  Failure refuse(const YamlMark& mark, std::string_view code, std::string_view why) const {
    const std::string id = "TN-POLICY-" + std::string(code);
    return fail(
        ErrorKind::kUsage, id,
        fmt::format("{}:{}:{}: {} [{}]", io::escape(path_, 160), mark.line, mark.column, why, id),
        "tenon explain " + id);
  }

  Result<void> only_keys(const YamlNode& map, Keys known) const {
    for (const YamlEntry& entry : map.entries) {
      if (std::find(known.begin(), known.end(), entry.key) != known.end()) continue;
      return refuse(entry.mark, "KEY",
                    fmt::format("unknown key {}; one of {}", io::quoted(entry.key), listed(known)));
    }
    return {};
  }

  template <class T>
  Result<void> word(const YamlNode& map, std::string_view key, std::type_identity_t<Words<T>> words,
                    T& out) const {
    const YamlNode* node = map.find(key);
    if (node == nullptr) return {};
    for (const auto& [text, value] : words) {
      if (node->kind != YamlNode::Kind::kScalar || node->text != text) continue;
      out = value;
      return {};
    }
    return refuse(
        node->mark, "VALUE",
        fmt::format("{}: {} is not one of {}", key, io::quoted(node->text), listed<T>(words)));
  }

  Result<void> text(const YamlNode& map, std::string_view key, std::string& out) const {
    const YamlNode* node = map.find(key);
    if (node == nullptr) return {};
    if (node->kind != YamlNode::Kind::kScalar || node->text.empty()) {
      return refuse(node->mark, "VALUE", fmt::format("{}: a name is required", key));
    }
    out = node->text;
    return {};
  }

  Result<std::string> pattern(const YamlNode& node) const {
    if (node.kind != YamlNode::Kind::kScalar)
      return refuse(node.mark, "PATTERN", "a pattern is required");
    const auto parsed = SelectPattern::parse(node.text);
    if (!parsed) return refuse(node.mark, "PATTERN", parsed.error());
    return node.text;
  }

  Result<void> rules(const YamlNode& root, Policy& policy) const {
    const YamlNode* list = root.find("rules");
    if (list == nullptr || list->kind == YamlNode::Kind::kNull) return {};
    if (list->kind != YamlNode::Kind::kSequence)
      return refuse(list->mark, "VALUE", "rules: a list is required");
    for (const YamlNode& item : list->items) {
      auto made = rule(item);
      if (!made) return tl::unexpected(made.error());
      policy.rules.push_back(std::move(*made));
    }
    return {};
  }

  Result<PolicyRule> rule(const YamlNode& node) const {
    if (node.kind != YamlNode::Kind::kMap) {
      return refuse(node.mark, "VALUE",
                    "a rule is a map: {on: missing, key: \"head.**\", do: fill, with: zeros}");
    }
    if (auto known = only_keys(node, kRuleKeys); !known) return tl::unexpected(known.error());
    for (const std::string_view needed : {"on", "key", "do"}) {
      if (node.find(needed) == nullptr)
        return refuse(node.mark, "VALUE", fmt::format("a rule needs {}:", needed));
    }
    PolicyRule made;
    made.text = fmt::format("{}:{}", path_, node.mark.line);
    auto key = pattern(*node.find("key"));
    if (!key) return tl::unexpected(key.error());
    made.key = std::move(*key);
    if (auto read = word(node, "on", kKinds, made.on); !read) return tl::unexpected(read.error());
    std::vector<Word<Action>> actions;
    for (const Action action : actions_on(made.on)) actions.push_back({to_string(action), action});
    if (auto read = word(node, "do", actions, made.action); !read)
      return tl::unexpected(read.error());
    if (made.action == Action::kRefuse) made.level = Severity::kError;
    if (auto read = word(node, "level", kLevels, made.level); !read)
      return tl::unexpected(read.error());
    if (made.action == Action::kRefuse && made.level != Severity::kError) {
      return refuse(node.find("level")->mark, "VALUE", "level: what is refused is an error");
    }
    if (auto read = details(node, made); !read) return tl::unexpected(read.error());
    return made;
  }

  /// Keys that belong to one action: with, seed, method, to, keep_fp32.
  Result<void> details(const YamlNode& node, PolicyRule& made) const {
    const bool fills = made.action == Action::kFill || made.action == Action::kInflate;
    const std::array<std::pair<std::string_view, bool>, 5> allowed = {
        {{"with", fills},
         {"seed", made.action == Action::kFill},
         {"method", made.action == Action::kResize},
         {"to", made.action == Action::kCast},
         {"keep_fp32", made.action == Action::kCast}}};
    for (const auto& [key, fits] : allowed) {
      const YamlNode* found = node.find(key);
      if (found != nullptr && !fits) {
        return refuse(found->mark, "KEY",
                      fmt::format("{}: has no meaning for do: {}", key, node.find("do")->text));
      }
    }
    if (auto read = fill(node, made.with); !read) return read;
    std::vector<Word<std::string_view>> methods;
    for (const std::string_view method : resize_methods()) methods.push_back({method, method});
    std::string_view method;
    if (auto read = word(node, "method", methods, method); !read) return read;
    made.method = method;
    if (made.action == Action::kCast) return cast(node, made);
    return {};
  }

  Result<void> fill(const YamlNode& node, Fill& fill) const {
    if (const YamlNode* with = node.find("with")) {
      const Value value = with->to_value();
      if (with->text == "zeros") {
        fill.kind = Fill::Kind::kZeros;
      } else if (with->text == "ones") {
        fill.kind = Fill::Kind::kOnes;
      } else if (with->text == "default") {
        fill.kind = Fill::Kind::kModuleDefault;
      } else if (const auto number = value.as_double()) {
        fill.kind = Fill::Kind::kConstant;
        fill.value = *number;
      } else {
        return refuse(with->mark, "VALUE",
                      fmt::format("with: {} is not zeros, ones, default or a number",
                                  io::quoted(with->text)));
      }
    }
    if (const YamlNode* seed = node.find("seed")) {
      const auto number = seed->to_value().as_int();
      if (!number || *number < 0)
        return refuse(seed->mark, "VALUE", "seed: a number from 0 is required");
      fill.seed = static_cast<std::uint64_t>(*number);
    }
    return {};
  }

  Result<void> cast(const YamlNode& node, PolicyRule& made) const {
    if (node.find("to") == nullptr)
      return refuse(node.mark, "VALUE", "do: cast needs to: fp32, fp16 or bf16");
    DType to = DType::kF32;
    if (auto read = word(node, "to", kCasts, to); !read) return read;
    made.to = to;
    const YamlNode* kept = node.find("keep_fp32");
    if (kept == nullptr) return {};
    if (kept->kind != YamlNode::Kind::kSequence)
      return refuse(kept->mark, "VALUE", "keep_fp32: a list is required");
    for (const YamlNode& item : kept->items) {
      auto key = pattern(item);
      if (!key) return tl::unexpected(key.error());
      made.keep_fp32.push_back(std::move(*key));
    }
    return {};
  }

  Result<void> expect(const YamlNode& root, PolicyExpect& expect) const {
    const YamlNode* map = root.find("expect");
    if (map == nullptr || map->kind == YamlNode::Kind::kNull) return {};
    if (map->kind != YamlNode::Kind::kMap)
      return refuse(map->mark, "VALUE", "expect: a map is required");
    if (auto known = only_keys(*map, kExpectKeys); !known) return known;
    if (auto read = text(*map, "family", expect.family); !read) return read;
    if (auto read = text(*map, "variant", expect.variant); !read) return read;
    const YamlNode* hashes = map->find("sha256");
    if (hashes == nullptr) return {};
    if (hashes->kind != YamlNode::Kind::kMap) {
      return refuse(hashes->mark, "VALUE", "sha256: a map of file names is required");
    }
    for (const YamlEntry& entry : hashes->entries) {
      auto hash = sha256(entry);
      if (!hash) return tl::unexpected(hash.error());
      expect.sha256.emplace(entry.key, std::move(*hash));
    }
    return {};
  }

  Result<std::string> sha256(const YamlEntry& entry) const {
    std::string digits = entry.value.text;
    bool valid = digits.size() == kShaDigits;
    for (char& digit : digits) {
      if (digit >= 'A' && digit <= 'F') digit = static_cast<char>(digit - 'A' + 'a');
      valid = valid && ((digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f'));
    }
    if (valid) return digits;
    return refuse(
        entry.value.mark, "VALUE",
        fmt::format("sha256 of {}: 64 hexadecimal digits are required", io::quoted(entry.key)));
  }

  const std::string& path_;
};

Result<Policy> read_policy(const std::string& path, const std::string& text) {
  const auto root = parse_yaml(text);
  if (root) return Reader(path).read(*root);
  const YamlError& error = root.error();
  return fail(ErrorKind::kUsage, "TN-POLICY-SYNTAX",
              fmt::format("{}:{}:{}: {} [TN-POLICY-SYNTAX]", io::escape(path, 160), error.mark.line,
                          error.mark.column, io::escape(error.message, 256)),
              "tenon explain TN-POLICY-SYNTAX");
}

}  // namespace

Result<Policy> parse_policy(const std::string& path, const std::string& text) {
  return io::guard_memory(path, [&] { return read_policy(path, text); });
}

}  // namespace tenon
