// One family's tables as parsed from YAML: everything still in templates, nothing expanded yet.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tenon/family.h>
#include <tenon/value.h>

#include "runtime/mapping/yaml_node.h"

namespace tenon {

/// Text that may hold ${variables}, and where it stands.
struct Template {
  std::string text;
  YamlMark mark;
};

using Variables = std::map<std::string, std::string, std::less<>>;

/// A closed set: what a source may hold, and what the target then holds.
struct SetDefinition {
  std::vector<std::string> from;
  std::vector<std::string> to;
};
using SetDefinitions = std::map<std::string, SetDefinition, std::less<>>;

struct EvidenceItem {
  Template name;
  std::optional<std::int64_t> rank;
  std::optional<std::vector<std::optional<std::int64_t>>> shape;  // nullopt: any size
  std::optional<std::pair<std::int64_t, std::int64_t>> count;
};

/// Whether `convert` may write an alternative: patterns over own names, values of the config.
struct WriteCondition {
  bool never = false;
  std::vector<std::pair<std::string, Value>> config;
  std::vector<Template> all;
  std::vector<Template> none;
};

struct Alternative {
  std::string name;
  YamlMark mark;
  std::vector<EvidenceItem> all;
  std::vector<EvidenceItem> none;
  Variables set;
  WriteCondition write;
};

struct SpellingGroup {
  std::string name;
  std::vector<Alternative> alternatives;
};

struct RowTemplate {
  YamlMark mark;
  std::vector<Template> from;
  std::vector<Template> to;
  std::vector<Template> exprs;  // one per target; empty: rename
  std::vector<std::pair<Template, Template>> back;  // source pattern -> expression
  bool no_way_back = false;
  std::string invents;
  std::vector<std::pair<std::string, std::string>> when;  // group -> alternative
  std::vector<Template> twins;
  std::vector<std::string> drops;
  bool zero = false;
  SetDefinitions sets;
  std::string use;  // fragment; then only `with` and `when` matter
  Variables with;
  YamlMark with_mark;
};

struct HarmlessTemplate {
  Template name;
  std::string because;
  bool derived = false;
  std::string target;
  bool zero = false;
  std::string writes;  // config key whose value `convert` writes under this name
  std::vector<std::pair<std::string, Value>> where;  // ... for models with these config values
  std::vector<std::pair<std::string, std::string>> when;
};

struct ReadCall {
  enum class Kind { kCount, kDim, kShape, kPresent, kRank, kTensors, kDtype, kEach, kNames };
  Kind kind = Kind::kPresent;
  Template pattern;
  std::int64_t dim = 0;
};

struct ReadRule {
  std::string name;
  YamlMark mark;
  std::vector<ReadCall> calls;
};

/// What a read says about a declined part. Where several rules say the same thing, the first that holds does.
struct BaseRule {
  std::string read;
  std::optional<Value> is;  // nullopt: anything that the file has
  std::string base;
  std::string variant;
  std::vector<std::pair<std::string, Value>> gives;  // config values that follow
};

/// How the names of a declined layout point to the modules of the model that it changes.
struct UpdateTable {
  bool flat = false;  // the dots of module names became underscores
  std::vector<std::string> inputs;  // endings of the tensors whose second dimension is a module's inputs
  std::vector<std::string> outputs;  // endings of the tensors whose first dimension is its outputs
  std::vector<std::pair<std::string, std::string>> models;  // beginning -> family
  std::vector<std::pair<std::string, std::string>> rename;  // text inside -> text
};

/// How `convert` puts a file together around the names of a layout's rows.
struct FileForm {
  std::string prefix;                                       // in front of every name
  std::vector<std::pair<std::string, std::string>> beside;  // part that the file also holds -> its prefix
  std::vector<std::string> nested;  // first segments that are dicts of their own in a torch file, in its order
};

struct LayoutTable {
  std::string name;
  YamlMark mark;
  std::string about;
  std::string like;  // the layout whose rows these are; such a layout is named by `derive`, not by evidence
  FileForm file;
  /// Roots come first, as the group "root"; every form makes one choice per group.
  std::vector<SpellingGroup> groups;
  Variables vars;
  std::vector<EvidenceItem> anchors;
  std::vector<EvidenceItem> all;
  std::vector<EvidenceItem> any;
  std::vector<EvidenceItem> none;
  std::vector<ReadRule> reads;
  bool emitted = false;
  std::vector<RowTemplate> rows;
  std::vector<HarmlessTemplate> harmless;
  std::vector<Template> claims;
  std::vector<BaseRule> bases;
  UpdateTable updates;
};

struct BridgeTable {
  std::string from;  // family
  YamlMark mark;
  LayoutTable layout;
};

struct ConfigKey {
  std::string name;
  std::string type;
  std::vector<Value> choices;
  std::string about;
};

struct VariantLine {
  std::string name;
  YamlMark mark;
  std::vector<Value> values;
};

struct VariantTable {
  std::vector<std::string> match;
  std::vector<std::string> prefer;
  std::vector<std::string> gives;
  std::vector<VariantLine> lines;
  std::map<std::string, std::string, std::less<>> about;  // what makes a name that name, in words
};

/// What a library builds when nobody tells it a size or a version.
struct DefaultSet {
  std::string of;  // whose defaults they are
  std::string variant;  // empty: nothing is said about a version
  std::vector<std::pair<std::string, Value>> config;
};

/// Something outside of a part that says something about it: a tensor, or an entry of the container's metadata.
struct Mark {
  std::string tensor;    // a whole file name; empty: metadata
  std::string metadata;  // a key
  std::string is;        // its value, up to a slash
  std::vector<std::pair<std::string, Value>> set;
  std::string variant;
};

struct FamilyTable {
  std::string name;
  std::string path;  // for messages: "configs/vit.yaml"
  std::string about;
  std::string own;
  std::vector<std::pair<std::string, std::string>> parts;  // prefix -> part name
  std::string bare_part;  // what a part without a prefix is called beside others; empty: as the family
  std::vector<std::string> heads;
  SetDefinitions sets;
  std::vector<ConfigKey> config;
  std::vector<ReadRule> reads;
  VariantTable variants;
  std::vector<Mark> marks;
  std::vector<DefaultSet> defaults;
  std::map<std::string, std::vector<RowTemplate>, std::less<>> fragments;
  std::vector<LayoutTable> layouts;
  std::vector<BridgeTable> bridges;
  bool declined = false;
  std::string because;
  std::string instead;
  std::string piece_of;  // declined: single tensors of that family, asked only where nothing else explains the file
  bool outranks = false;  // declined: wins where another family explains the same tensors
  FamilyTables functions;

  /// The family that its parts are said to be.
  [[nodiscard]] const std::string& said() const { return piece_of.empty() ? name : piece_of; }

  [[nodiscard]] const LayoutTable* layout(std::string_view layout_name) const;
};

struct WrapperTable {
  std::vector<std::string> transparent;
  std::vector<std::string> inside;  // wrappers of single modules, in the middle of names
  std::map<std::string, std::string, std::less<>> named;  // segment -> part
  std::map<std::string, std::string, std::less<>> about;  // segment -> what puts it there
  std::vector<std::string> training;  // top-level entries of training states
  std::vector<HarmlessTemplate> harmless;
};

/// What is wrong with a table and where. Parsing goes on after a fault with a default in its place.
struct TableFault {
  YamlMark mark;
  std::string code;  // "TN-TABLE-..."
  std::string message;
};

class TableFaults {
 public:
  void add(YamlMark mark, std::string code, std::string message);
  [[nodiscard]] bool empty() const { return faults_.empty(); }
  /// In the order of the file.
  [[nodiscard]] std::vector<TableFault> sorted() const;
  /// The first fault found, the others may follow from it: "<path>:<line>:<column>: <message> [<code>]", kUsage.
  [[nodiscard]] Error error(std::string_view path) const;

 private:
  std::vector<TableFault> faults_;
};

[[nodiscard]] FamilyTable parse_family_table(const YamlNode& root, std::string_view name, TableFaults& faults);
[[nodiscard]] WrapperTable parse_wrapper_table(const YamlNode& root, TableFaults& faults);

}  // namespace tenon
