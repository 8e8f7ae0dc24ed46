// Stage "identify": which parts a checkpoint has, and what each of them is, with evidence.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <tenon/checkpoint.h>
#include <tenon/family.h>
#include <tenon/mapping.h>
#include <tenon/report.h>
#include <tenon/value.h>

namespace [[gnu::visibility("default")]] tenon {

/// Parsed and proved tables of all families plus the wrappers. Immutable; share it between threads.
class Tables;

struct TablesOptions {
  std::span<const FamilyTables> families = builtin_families();
  std::vector<FamilyTables> extra;  // out-of-tree families
  std::string override_dir;         // --tables DIR: YAML files that replace embedded ones of the same name
  Limits limits;
};
/// Parses all YAML and proves the rules of design section 2; the error names file, line and column. Code TN-TABLE-*.
[[nodiscard]] Result<std::shared_ptr<const Tables>> load_tables(const TablesOptions& options = {});
/// The embedded tables, parsed once per process on first use.
[[nodiscard]] std::shared_ptr<const Tables> builtin_tables();

struct Evidence {
  std::string candidate;  // "photomaker/v2", "vit (timm)"
  std::string text;
};

/// How a part's names are read: the layout with its root, spelling and variables chosen. Opaque outside mapping.
struct BoundLayout;

struct Part {
  std::string part;                    // "model", "unet", "id_encoder", ...
  std::string prefix;                  // everything stripped, ends in a dot; "" when nothing was
  std::vector<std::string> prefixes;   // when names with and without a wrapper are mixed; else {prefix}
  std::string family;                  // "" when unknown
  std::string variant;
  std::string layout;
  bool buildable = false;
  std::vector<std::uint32_t> tensors;  // indices into Checkpoint::tensors
  std::uint64_t parameters = 0;        // elements
  Config config;
  std::vector<std::string> also;
  std::string base;
  std::vector<Evidence> evidence;
  std::vector<Evidence> refused;       // text: why that candidate was turned down
  std::vector<Undecidable> undecidable;
  std::string nearest;                 // unknown parts: the nearest known list, in words
  std::string declined;                // recognised, not built: why, and what to do instead
  std::vector<Finding> findings;
  std::vector<ModuleUpdate> updates;   // of a part that changes another model
  std::shared_ptr<const BoundLayout> bound;  // null when unknown or not buildable
};

enum class IdentityStatus { kIdentified, kAmbiguous, kUnknown };

struct Identity {
  IdentityStatus status = IdentityStatus::kUnknown;
  std::vector<Part> parts;
  std::vector<Finding> findings;
};

/// What the caller says beside the file: own config keys and native configs.
struct IdentifyRequest {
  std::string family;                 // --as FAMILY
  std::string variant;                // --as FAMILY/VARIANT
  std::optional<ConfigText> config;   // --config FILE
  Config set;                         // --set KEY=VALUE
};

/// Order-free: every family and layout is asked; file names and sizes weigh nothing. Fails only on a `--config` that cannot be read.
[[nodiscard]] Result<Identity> identify(const Checkpoint& checkpoint,
                                        const Tables& tables,
                                        const IdentifyRequest& request = {});

/// Stage "map" for one identified, buildable part.
[[nodiscard]] Mapped map_part(const Checkpoint& checkpoint, const Part& part);

/// Families, variants and layouts that `--as` and `--to` accept, for usage messages.
[[nodiscard]] std::vector<std::string> family_names(const Tables& tables);
[[nodiscard]] std::vector<std::string> variant_names(const Tables& tables, std::string_view family);
[[nodiscard]] std::vector<std::string> layout_names(const Tables& tables, std::string_view family);

/// `convert`: the same table read backwards. For the own names and types of a model, the rows of another layout:
/// target = file name in that layout, sources = indices into `own`. The error names an own name no row takes.
[[nodiscard]] Result<std::vector<MappedTensor>> unmap(const Tables& tables,
                                                      std::string_view family,
                                                      std::string_view layout,
                                                      const Config& config,
                                                      const std::vector<std::pair<std::string, TensorType>>& own);

}  // namespace tenon
