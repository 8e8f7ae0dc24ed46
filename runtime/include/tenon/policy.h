// Stage "decide": a policy is strict plus named waivers; deciding gives a plan or a refusal.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/identify.h>
#include <tenon/mapping.h>
#include <tenon/report.h>
#include <tenon/spec.h>

namespace [[gnu::visibility("default")]] tenon {

enum class PolicyBase { kStrict, kLenient, kHfLike, kIgnoreMismatchedSizes };

struct Fill {
  enum class Kind { kZeros, kOnes, kModuleDefault, kConstant } kind = Kind::kModuleDefault;
  double value = 0;
  std::uint64_t seed = 0;
};

struct PolicyRule {
  FindingKind on = FindingKind::kMissing;  // kMissing, kShape, kDtype, kUnexpected
  std::string key;                         // pattern: own names, for kUnexpected file names
  Action action = Action::kRefuse;
  Fill with;
  std::string method;                      // resize: "bicubic", "bilinear", "nearest"
  std::optional<DType> to;                 // cast
  std::vector<std::string> keep_fp32;      // cast: patterns left in F32
  Severity level = Severity::kWarning;
  std::string text;                        // as written, for `rule` in reports: "policy.yaml:5"
};

struct PolicyExpect {
  std::string family;
  std::string variant;
  std::map<std::string, std::string> sha256;  // file name -> lower-case hex
};

/// Patterns may begin with `**` and use `*` within a segment; the first rule that matches wins.
struct Policy {
  std::string name = "strict";
  PolicyBase base = PolicyBase::kStrict;
  Severity fail_at = Severity::kError;
  std::vector<PolicyRule> rules;
  PolicyExpect expect;

  // Waivers in C++; each returns *this.
  Policy& allow_missing(std::string key, Fill with = {}, Severity level = Severity::kWarning);
  Policy& allow_unexpected(std::string key, Severity level = Severity::kWarning);
  Policy& resize(std::string key, std::string method = "bicubic");
  Policy& inflate(std::string key, Fill with = {Fill::Kind::kZeros});
  Policy& cast(std::string key, DType to, std::vector<std::string> keep_fp32 = {});
};

/// "strict", "lenient", "ignore_mismatched_sizes", "hf-like"; an unknown name is kUsage with the names.
[[nodiscard]] Result<Policy> policy_preset(std::string_view name);
/// YAML or JSON text; errors carry path, line and column. Code TN-POLICY-*.
[[nodiscard]] Result<Policy> parse_policy(const std::string& path, const std::string& text);

/// One tensor of the model and how it is made. The only thing build accepts.
struct PlanStep {
  std::string target;
  std::vector<std::string> aliases;
  std::vector<std::uint32_t> sources;  // indices into Checkpoint::tensors
  Expr expr;                           // ends in the shape the model expects
  Origin origin = Origin::kFile;
  Fill fill;                           // kFilled: the whole tensor; inflate: the added channels
  TensorType type;                     // as bound, cast included
  bool buffer = false;
};

struct LoadPlan {
  std::vector<PlanStep> steps;
  std::vector<ValueCondition> pending;
  std::uint64_t bytes_to_read = 0;
};

/// What the caller asked for, as far as check, decide and diagnose need it.
struct CheckRequest {
  std::string family;                    // --as
  std::string variant;
  std::optional<DType> dtype;            // --dtype; nullopt: keep
  bool model_dtypes = false;             // bind in the dtypes that the model expects (load_into); wins over `dtype`
  std::vector<std::string> head_prefixes;  // declared by the family's tables: "head" is head.weight, head.bias, ...
  Config asked;                          // --config and --set only
  bool forward = false;  // load, run: an undecided value that the forward needs is an error and not a warning
  /// Partners of `--with ROLE=CKPT[::part]`, as identified.
  struct Partner {
    std::string role;
    std::string path;
    const Checkpoint* checkpoint = nullptr;
    const Part* part = nullptr;
    std::vector<std::pair<std::string, TensorType>> names;  // as `names` below
  };
  std::vector<Partner> with;
  /// The released variants of each family that tenon builds or names, to say which partner would fit; only with partners.
  std::map<std::string, std::vector<Variant>> released;
  /// The part's tensors under the names of every layout of its family; only where a partner changes its modules.
  std::vector<std::pair<std::string, TensorType>> names;
};

struct Decision {
  LoadReport report;                     // verdict, counts, findings, diagnosis, provenance
  std::optional<LoadPlan> plan;          // absent when refused
};

/// Stages check, decide and diagnose in one pure call over values. Never fails: a refusal is a report.
[[nodiscard]] Decision decide(const Checkpoint& checkpoint,
                              const Identity& identity,
                              const Part& part,
                              const ModelSpec& expected,
                              const Mapped& mapped,
                              const Policy& policy,
                              const CheckRequest& request);

/// The report where no plan can be made: nothing identified, several candidates, or a part that tenon recognises
/// but does not build (`part` then says which). Always refused; `diagnosis` has at least one entry.
[[nodiscard]] LoadReport refuse_identity(const Checkpoint& checkpoint,
                                         const Identity& identity,
                                         const Part* part,
                                         const CheckRequest& request);

/// What `inspect` has to say about a checkpoint beside its parts: damage, wrappers, nothing recognised.
[[nodiscard]] std::vector<Diagnosis> diagnose_identity(const Checkpoint& checkpoint, const Identity& identity);

}  // namespace tenon
