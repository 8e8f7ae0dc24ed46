// Stages "check", "decide" and "diagnose" as values: findings, verdict, causes, and every tensor's origin.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/shape.h>
#include <tenon/value.h>

namespace [[gnu::visibility("default")]] tenon {

enum class FindingKind {
  kMissing,
  kUnexpected,
  kShape,
  kDtype,
  kDuplicate,
  kIdentity,
  kConfig,
  kPair,
  kContainer,
  kValue,
  kPolicy,
};
enum class Severity { kNote, kWarning, kError };
enum class Action { kRefuse, kDrop, kFill, kResize, kInflate, kCast, kDerive, kKeep };

[[nodiscard]] std::string_view to_string(FindingKind kind);
[[nodiscard]] std::string_view to_string(Severity severity);
[[nodiscard]] std::string_view to_string(Action action);

struct Finding {
  std::string id;  // "TN-..."; its page is printed by `tenon explain ID`
  FindingKind kind = FindingKind::kMissing;
  Severity severity = Severity::kError;
  std::string target;                   // own name; empty: null in JSON
  std::string source;                   // file name; empty: null in JSON
  std::optional<TensorType> expected;
  std::optional<TensorType> found;
  std::string rule;                     // the policy rule that decided; empty: none
  Action action = Action::kRefuse;
  std::string message;                  // one line, at most 512 bytes
  std::string remedy;
  std::string did_you_mean;             // the other side's name of the same shape: a file name for kMissing, an own
                                        // name for kUnexpected
};

struct Diagnosis {
  std::string id;  // "TN-D..."
  std::string cause;  // one line that names both sides
  std::string remedy;
  std::vector<std::size_t> explains;  // indices of findings folded under this cause
};

enum class Origin { kFile, kDerived, kFilled };
[[nodiscard]] std::string_view to_string(Origin origin);

/// Where one tensor of the model comes from.
struct Provenance {
  std::string target;
  std::vector<std::string> from;  // file names
  std::vector<std::string> ops;   // "rename", "concat(0)", "cast(F16)", ...
  Origin origin = Origin::kFile;
  TensorType type;                // as bound
  std::string rule;               // table row, or policy rule when filled
};

struct Counts {
  std::uint64_t expected = 0;
  std::uint64_t found = 0;
  std::uint64_t matched = 0;
  std::uint64_t missing = 0;
  std::uint64_t unexpected = 0;
  std::uint64_t mismatched = 0;
  std::uint64_t derived = 0;
  std::uint64_t ignored = 0;
  std::uint64_t waived = 0;
};

enum class Verdict { kAccepted, kAcceptedWithWaivers, kRefused };
[[nodiscard]] std::string_view to_string(Verdict verdict);

struct Memory {
  std::uint64_t host_peak_bytes = 0;
  std::uint64_t device_bytes = 0;
};

struct Timings {
  double open_s = 0;
  double plan_s = 0;
  double read_s = 0;
  double bind_s = 0;
  double total_s = 0;
  double audit_s = 0;
};

struct Audit {
  std::uint64_t tensors = 0;
  std::uint64_t without_origin = 0;
  std::uint64_t nan = 0;       // elements
  std::uint64_t inf = 0;       // elements
  std::uint64_t all_zero = 0;  // tensors
};

/// The same value for the CI gate and the loader, on success too.
struct LoadReport {
  Verdict verdict = Verdict::kRefused;
  std::string policy = "strict";
  std::string part;
  std::string family;
  std::string variant;
  std::string layout;
  Config config;
  bool loadable = true;  // false: the forward needs a value that nobody decided
  Counts counts;
  std::vector<Finding> findings;      // errors first, then natural order
  std::vector<Diagnosis> diagnosis;   // the root cause first
  std::vector<Provenance> tensors;    // natural order of targets
  Memory memory;
  std::optional<Timings> timings;
  std::optional<std::uint64_t> bytes_read;
  std::optional<Audit> audit;
};

}  // namespace tenon
