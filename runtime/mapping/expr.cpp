#include "runtime/mapping/expr.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace tenon {
namespace {

using TextFailure = tl::unexpected<std::string>;

// How a call's arguments are laid out.
struct Signature {
  std::string_view name;
  OpKind op;
  int operands;      // -1: one or more, behind the numbers
  int numbers;       // -1: any count, at least one
};

constexpr std::array kSignatures = {
    Signature{"transpose", OpKind::kTranspose, 1, 0}, Signature{"permute", OpKind::kPermute, 1, -1},
    Signature{"reshape", OpKind::kReshape, 1, -1},    Signature{"slice", OpKind::kSlice, 1, 3},
    Signature{"split", OpKind::kSplit, 1, 3},         Signature{"concat", OpKind::kConcat, -1, 1},
    Signature{"pad", OpKind::kPad, 1, 3},             Signature{"add", OpKind::kAdd, 2, 0},
    Signature{"scale", OpKind::kScale, 1, 1},         Signature{"cast", OpKind::kCast, 1, 0},
    Signature{"fill", OpKind::kFill, 0, -1},
};

const Signature* signature_of(OpKind op) {
  const auto found = std::find_if(kSignatures.begin(), kSignatures.end(), [&](const Signature& s) { return s.op == op; });
  return found == kSignatures.end() ? nullptr : &*found;
}

class ExprParser {
 public:
  ExprParser(std::string_view text, std::size_t sources) : text_(text), sources_(sources) {}

  tl::expected<Expr, std::string> parse() {
    auto expr = parse_operand(0);
    if (!expr) return expr;
    skip_space();
    if (at_ != text_.size()) return refuse("there is more behind the expression");
    return expr;
  }

 private:
  static constexpr int kDepth = 16;

  TextFailure refuse(std::string_view why) const {
    return TextFailure(fmt::format("expression \"{}\" at character {}: {}", text_, at_ + 1, why));
  }
  void skip_space() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string_view take_word(std::string_view allowed) {
    skip_space();
    const std::size_t begin = at_;
    while (at_ < text_.size() && allowed.find(text_[at_]) != std::string_view::npos) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  tl::expected<Expr, std::string> parse_operand(int depth) {
    if (depth > kDepth) return refuse("too deep");
    if (take('$')) return parse_source();
    const auto word = take_word("abcdefghijklmnopqrstuvwxyz");
    const auto found = std::find_if(kSignatures.begin(), kSignatures.end(), [&](const Signature& s) { return s.name == word; });
    if (found == kSignatures.end()) return refuse(fmt::format("\"{}\" is no operation", word));
    if (!take('(')) return refuse("a call needs `(`");
    return parse_call(*found, depth);
  }

  tl::expected<Expr, std::string> parse_source() {
    const auto digits = take_word("0123456789");
    const auto number = parse_index(digits);
    if (!number || *number < 1 || *number > sources_) {
      return refuse(fmt::format("${} names no source: the row has {}", digits, sources_));
    }
    return source_expr(*number - 1);
  }

  static std::optional<std::size_t> parse_index(std::string_view digits) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return value;
  }

  tl::expected<Expr, std::string> parse_call(const Signature& signature, int depth) {
    Expr expr;
    expr.op = signature.op;
    int seen = 0;
    while (!take(')')) {
      if (seen++ > 0 && !take(',')) return refuse("arguments are split by commas");
      skip_space();
      const bool number = at_ < text_.size() && (text_[at_] == '-' || text_[at_] == '=' || (text_[at_] >= '0' && text_[at_] <= '9'));
      if (number) {
        if (auto bad = parse_number(expr)) return TextFailure(*bad);
      } else if (expr.op == OpKind::kCast && !expr.operands.empty()) {
        const auto name = take_word("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
        const auto dtype = dtype_from_safetensors(name);
        if (!dtype) return refuse(fmt::format("\"{}\" is no dtype", name));
        expr.dtype = *dtype;
        expr.text = "dtype";
      } else {
        auto operand = parse_operand(depth + 1);
        if (!operand) return operand;
        expr.operands.push_back(*std::move(operand));
      }
    }
    return check_call(signature, std::move(expr));
  }

  // "=2": the size of the operand's (for fill the first source's) dimension 2.
  std::optional<std::string> parse_dimension(Expr& expr) {
    const auto digits = take_word("0123456789");
    const bool allowed = expr.op == OpKind::kReshape || (expr.op == OpKind::kFill && !expr.text.empty());
    if (!allowed || digits.size() != 1) return refuse("`=` names a dimension, in reshape and fill").value();
    expr.args.push_back(dimension_arg(digits[0] - '0'));
    return std::nullopt;
  }

  std::optional<std::string> parse_number(Expr& expr) {
    if (take('=')) return parse_dimension(expr);
    const bool real = (expr.op == OpKind::kScale) || (expr.op == OpKind::kFill && expr.text.empty());
    const auto digits = take_word(real ? "0123456789.-+e" : "0123456789-");
    if (real) {
      double value = 0;
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
      if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(value)) {
        return refuse("not a number").value();
      }
      expr.value = value;
      expr.text = "value";
      return std::nullopt;
    }
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) return refuse("not an integer").value();
    expr.args.push_back(value);
    return std::nullopt;
  }

  tl::expected<Expr, std::string> check_call(const Signature& signature, Expr expr) {
    const auto operands = static_cast<int>(expr.operands.size());
    const auto numbers = static_cast<int>(expr.args.size());
    const bool valued = expr.op == OpKind::kScale || expr.op == OpKind::kFill;
    if (signature.operands < 0 ? operands < 1 : operands != signature.operands) {
      return refuse(fmt::format("{} has {} tensor arguments", signature.name, operands));
    }
    if (valued && expr.text.empty()) return refuse(fmt::format("{} needs a value", signature.name));
    if (expr.op == OpKind::kCast && expr.text.empty()) return refuse("cast needs a dtype");
    const bool counted = expr.op == OpKind::kScale ? numbers == 0
                         : expr.op == OpKind::kFill ? true
                         : signature.numbers < 0 ? numbers >= 1
                                                 : numbers == signature.numbers;
    if (!counted) return refuse(fmt::format("{} has {} numbers", signature.name, numbers));
    expr.text.clear();
    if (auto why = bad_arguments(expr)) return refuse(*why);
    return expr;
  }

  static std::optional<std::string_view> bad_arguments(const Expr& expr) {
    const auto& a = expr.args;
    switch (expr.op) {
      case OpKind::kPermute: {
        std::vector<std::int64_t> sorted = a;
        std::sort(sorted.begin(), sorted.end());
        std::vector<std::int64_t> plain(a.size());
        std::iota(plain.begin(), plain.end(), 0);
        if (sorted != plain) return "not a permutation";
        return std::nullopt;
      }
      case OpKind::kReshape:
        if (std::count(a.begin(), a.end(), -1) > 1) return "more than one -1";
        if (std::any_of(a.begin(), a.end(), [](std::int64_t d) { return d < -1 && !is_dimension_arg(d); })) return "a negative size";
        return std::nullopt;
      case OpKind::kSlice:
        if (a[0] < 0 || a[1] < 0 || (a[2] != -1 && a[2] <= a[1])) return "an empty slice";
        return std::nullopt;
      case OpKind::kSplit:
        if (a[0] < 0 || a[1] < 1 || a[2] < 0 || a[2] >= a[1]) return "no such part";
        return std::nullopt;
      case OpKind::kConcat:
        if (a[0] < 0) return "a negative dimension";
        return std::nullopt;
      case OpKind::kPad:
        if (a[0] < 0 || a[1] < 0 || a[2] < 0) return "a negative size";
        return std::nullopt;
      case OpKind::kScale:
        if (expr.value == 0) return "a scale of zero loses the tensor";
        return std::nullopt;
      case OpKind::kFill:
        if (std::any_of(a.begin(), a.end(), [](std::int64_t d) { return d < 0 && !is_dimension_arg(d); })) return "a negative size";
        return std::nullopt;
      default:
        return std::nullopt;
    }
  }

  std::string_view text_;
  std::size_t sources_;
  std::size_t at_ = 0;
};

Expr unary(OpKind op, std::vector<std::int64_t> args, Expr operand, double value = 0) {
  Expr expr;
  expr.op = op;
  expr.args = std::move(args);
  expr.value = value;
  expr.operands.push_back(std::move(operand));
  return expr;
}

// Walks down `expr`, turning `x` (what the expression gave) into what each of its sources was.
bool invert_into(const Expr& expr, Expr x, std::vector<std::optional<Expr>>& sources) {
  switch (expr.op) {
    case OpKind::kSource: {
      auto& slot = sources[static_cast<std::size_t>(expr.args[0])];
      if (slot) return false;
      slot = std::move(x);
      return true;
    }
    case OpKind::kTranspose:
      return invert_into(expr.operands[0], unary(OpKind::kTranspose, {}, std::move(x)), sources);
    case OpKind::kPermute: {
      std::vector<std::int64_t> back(expr.args.size());
      for (std::size_t i = 0; i < back.size(); ++i) back[static_cast<std::size_t>(expr.args[i])] = static_cast<std::int64_t>(i);
      return invert_into(expr.operands[0], unary(OpKind::kPermute, std::move(back), std::move(x)), sources);
    }
    case OpKind::kScale:
      return invert_into(expr.operands[0], unary(OpKind::kScale, {}, std::move(x), 1 / expr.value), sources);
    case OpKind::kConcat: {
      const auto parts = static_cast<std::int64_t>(expr.operands.size());
      for (std::int64_t i = 0; i < parts; ++i) {
        if (!invert_into(expr.operands[static_cast<std::size_t>(i)], unary(OpKind::kSplit, {expr.args[0], parts, i}, x), sources)) {
          return false;
        }
      }
      return true;
    }
    default:
      return false;
  }
}

// One source cut into equal parts that are all targets: the way back is to join them.
std::optional<Expr> join_parts(const std::vector<Expr>& targets) {
  Expr joined;
  joined.op = OpKind::kConcat;
  joined.args = {targets[0].op == OpKind::kSplit ? targets[0].args[0] : 0};
  for (std::size_t k = 0; k < targets.size(); ++k) {
    const auto part = std::find_if(targets.begin(), targets.end(), [&](const Expr& t) {
      return t.op == OpKind::kSplit && t.operands[0].op == OpKind::kSource && t.args[0] == joined.args[0] &&
             t.args[1] == static_cast<std::int64_t>(targets.size()) && t.args[2] == static_cast<std::int64_t>(k);
    });
    if (part == targets.end()) return std::nullopt;
    joined.operands.push_back(source_expr(static_cast<std::size_t>(part - targets.begin())));
  }
  return joined;
}

}  // namespace

Expr source_expr(std::size_t index) {
  Expr expr;
  expr.args = {static_cast<std::int64_t>(index)};
  return expr;
}

tl::expected<Expr, std::string> parse_expr(std::string_view text, std::size_t sources) {
  return ExprParser(text, sources).parse();
}

std::string to_text(const Expr& expr) {
  if (expr.op == OpKind::kSource) return fmt::format("${}", expr.args[0] + 1);
  const Signature* signature = signature_of(expr.op);
  std::string text(signature != nullptr ? signature->name : "resize");
  std::vector<std::string> arguments;
  const bool numbers_first = expr.op == OpKind::kConcat;
  const auto add_numbers = [&] {
    if (expr.op == OpKind::kScale || expr.op == OpKind::kFill) arguments.push_back(fmt::format("{}", expr.value));
    const bool sized = expr.op == OpKind::kReshape || expr.op == OpKind::kFill;
    for (const auto number : expr.args) {
      arguments.push_back(sized && is_dimension_arg(number) ? fmt::format("={}", dimension_of_arg(number)) : std::to_string(number));
    }
  };
  if (numbers_first) add_numbers();
  for (const Expr& operand : expr.operands) arguments.push_back(to_text(operand));
  if (!numbers_first) add_numbers();
  if (expr.op == OpKind::kCast) arguments.emplace_back(dtype_name(expr.dtype));
  if (expr.op == OpKind::kResize) arguments.push_back(expr.text);
  return fmt::format("{}({})", text, fmt::join(arguments, ", "));
}

void mark_sources(const Expr& expr, std::vector<bool>& used) {
  if (expr.op == OpKind::kSource) used[static_cast<std::size_t>(expr.args[0])] = true;
  for (const Expr& operand : expr.operands) mark_sources(operand, used);
}

std::optional<std::vector<Expr>> invert(const std::vector<Expr>& targets, std::size_t sources) {
  if (targets.size() > 1 && sources == 1) {
    if (auto joined = join_parts(targets)) return std::vector<Expr>{*std::move(joined)};
  }
  std::vector<std::optional<Expr>> found(sources);
  for (std::size_t t = 0; t < targets.size(); ++t) {
    if (!invert_into(targets[t], source_expr(t), found)) return std::nullopt;
  }
  std::vector<Expr> back;
  for (auto& expr : found) {
    if (!expr) return std::nullopt;
    back.push_back(*std::move(expr));
  }
  return back;
}

Expr substitute(const Expr& outer, const std::vector<Expr>& inner) {
  if (outer.op == OpKind::kSource) return inner[static_cast<std::size_t>(outer.args[0])];
  Expr expr = outer;
  for (Expr& operand : expr.operands) operand = substitute(operand, inner);
  return expr;
}

}  // namespace tenon
