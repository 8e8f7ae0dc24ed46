// Stage "map": what each listed tensor becomes in the model's own names.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/checkpoint.h>
#include <tenon/error.h>
#include <tenon/shape.h>

namespace [[gnu::visibility("default")]] tenon {

/// The closed set of operations. None of them ever sees a name.
enum class OpKind : std::uint8_t {
  kSource,     // args: {index of the row's source}
  kTranspose,  // swaps the two dimensions of a matrix
  kPermute,    // args: the permutation
  kReshape,    // args: the shape; a mapped tensor's has no -1 and no 0 left
  kSlice,      // args: {dim, begin, end}; end -1: to the end
  kSplit,      // args: {dim, parts, which}: equal parts
  kConcat,     // args: {dim}; operands in order
  kPad,        // args: {dim, before, after}, with zeros
  kAdd,        // two operands, broadcasting as torch does
  kScale,      // value
  kResize,     // a position table [..., prefix + h * w, width], args: {prefix, h, w, new h, new w}; the prefix rows stay;
               // `text`: "bicubic-antialias" (timm's), "bicubic", "bilinear" or "nearest"; computed in F32
  kCast,       // dtype
  kFill,       // args: shape; value, dtype
};

struct Expr {
  OpKind op = OpKind::kSource;
  std::vector<std::int64_t> args;
  double value = 0;
  DType dtype = DType::kF32;
  std::string text;
  std::vector<Expr> operands;
  bool operator==(const Expr&) const = default;
};

/// The type an expression gives for sources of these types; the error says which operation does not fit.
[[nodiscard]] Result<TensorType> infer(const Expr& expr, const std::vector<TensorType>& sources);
/// The operations in order of application, as JSON prints them: {"rename", "concat(0)", "transpose"}.
[[nodiscard]] std::vector<std::string> describe(const Expr& expr);

/// What must hold for the values of a row's sources before binding (checked by build).
struct ValueCondition {
  enum class Kind { kZero, kEqualsTwin } kind = Kind::kZero;
  std::string source;  // file name
  std::string twin;    // file name, for kEqualsTwin
};

/// One target of the model in its own names, made from file tensors.
struct MappedTensor {
  std::string target;
  std::vector<std::uint32_t> sources;  // indices into Checkpoint::tensors
  Expr expr;
  TensorType type;   // inferred
  std::string rule;  // "timm#57": layout and line of its table, for messages
  std::string invents = {};  // written backwards: what had to be made up, in words; else empty
};

struct IgnoredTensor {
  std::uint32_t tensor = 0;  // index into Checkpoint::tensors
  std::string reason;
  bool derived = false;      // the model computes it itself
  std::string target;        // own name where the table gives one, else empty
};

/// A row whose sources are there but do not fit together, or two sources for one target.
struct MappingProblem {
  std::string target;
  std::vector<std::uint32_t> sources;
  std::string message;
  bool duplicate = false;
};

struct Mapped {
  std::vector<MappedTensor> tensors;         // natural order of targets (2 before 10)
  std::vector<std::uint32_t> unexpected;     // part's tensors that no row, twin or harmless entry claims
  std::vector<IgnoredTensor> ignored;
  std::vector<MappingProblem> problems;
  std::vector<ValueCondition> pending;
};

}  // namespace tenon
