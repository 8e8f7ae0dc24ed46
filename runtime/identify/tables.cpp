#include "runtime/identify/tables.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "runtime/io/errno_text.h"
#include "runtime/io/memory_guard.h"
#include "runtime/io/read_all.h"
#include "runtime/io/text.h"
#include "runtime/mapping/proof.h"

namespace tenon {
namespace {

struct SourceText {
  FamilyTables functions;
  std::string path;
  std::string text;
  bool prove = false;
};

Result<YamlNode> parse_text(std::string_view path, std::string_view text) {
  auto root = parse_yaml(text);
  if (root) return *std::move(root);
  TableFaults faults;
  faults.add(root.error().mark, "TN-TABLE-YAML", root.error().message);
  return tl::unexpected(faults.error(path));
}

Result<FamilyTable> parse_family(const SourceText& source) {
  auto root = parse_text(source.path, source.text);
  if (!root) return tl::unexpected(root.error());
  TableFaults faults;
  FamilyTable family = parse_family_table(*root, source.functions.name, faults);
  family.path = source.path;
  family.functions = source.functions;
  family.functions.name = {};  // views into text that this function's caller owns
  family.functions.yaml = {};
  if (!family.declined && source.functions.derive == nullptr) {
    faults.add(root->mark, "TN-TABLE-FAMILY", "a family without code must say why it is `declined`");
  }
  if (source.prove && faults.empty()) prove_family(family, faults);
  if (!faults.empty()) return tl::unexpected(faults.error(source.path));
  return family;
}

Result<WrapperTable> parse_wrappers(std::string_view path, std::string_view text) {
  auto root = parse_text(path, text);
  if (!root) return tl::unexpected(root.error());
  TableFaults faults;
  WrapperTable wrappers = parse_wrapper_table(*root, faults);
  if (!faults.empty()) return tl::unexpected(faults.error(path));
  return wrappers;
}

// The YAML files of a folder by stem, sorted.
Result<std::vector<std::pair<std::string, std::string>>> list_overrides(const std::string& folder) {
  std::vector<std::pair<std::string, std::string>> files;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".yaml") files.emplace_back(it->path().stem().string(), it->path().string());
  }
  if (error || files.empty()) {
    return fail(ErrorKind::kUsage, "TN-TABLE-FOLDER",
                fmt::format("{}: {}; a folder with tables (*.yaml) is needed [TN-TABLE-FOLDER]", io::escape(folder, 256),
                            error ? io::errno_text(error.value()) : "there is no table in it"));
  }
  std::sort(files.begin(), files.end());
  return files;
}

class Loader {
 public:
  explicit Loader(const TablesOptions& options) : limits_(options.limits) {
    for (const FamilyTables& family : options.families) add(family, false);
    for (const FamilyTables& family : options.extra) add(family, true);
  }

  Result<void> override_from(const std::string& folder) {
    auto files = list_overrides(folder);
    if (!files) return tl::unexpected(files.error());
    for (const auto& [stem, path] : *files) {
      auto text = io::read_text_file(path, limits_.config_bytes);
      if (!text) return tl::unexpected(text.error());
      if (stem == "wrappers") {
        wrappers_path_ = path;
        wrappers_text_ = *std::move(text);
        continue;
      }
      const auto known = std::find_if(sources_.begin(), sources_.end(), [&name = stem](const SourceText& s) { return s.functions.name == name; });
      const bool is_new = known == sources_.end();
      SourceText& source = is_new ? sources_.emplace_back() : *known;
      if (is_new) source.functions.name = *names_.emplace_back(std::make_unique<std::string>(stem));
      source.path = path;
      source.text = *std::move(text);
      source.prove = true;
    }
    return {};
  }

  Result<std::shared_ptr<const Tables>> load() {
    std::sort(sources_.begin(), sources_.end(), [](const SourceText& a, const SourceText& b) { return a.functions.name < b.functions.name; });
    std::vector<FamilyTable> families;
    for (const SourceText& source : sources_) {
      if (!families.empty() && families.back().name == source.functions.name) {
        return fail(ErrorKind::kUsage, "TN-TABLE-FAMILY", fmt::format("two families are called \"{}\" [TN-TABLE-FAMILY]", source.functions.name));
      }
      auto family = parse_family(source);
      if (!family) return tl::unexpected(family.error());
      families.push_back(*std::move(family));
    }
    WrapperTable wrappers;
    if (!wrappers_text_.empty()) {
      auto parsed = parse_wrappers(wrappers_path_, wrappers_text_);
      if (!parsed) return tl::unexpected(parsed.error());
      wrappers = *std::move(parsed);
    }
    return std::make_shared<const Tables>(std::move(families), std::move(wrappers));
  }

 private:
  void add(const FamilyTables& family, bool prove) {
    sources_.push_back({family, fmt::format("configs/{}.yaml", family.name), std::string(family.yaml), prove});
  }

  Limits limits_;
  std::vector<SourceText> sources_;
  std::vector<std::unique_ptr<std::string>> names_;
  std::string wrappers_path_ = "configs/wrappers.yaml";
  std::string wrappers_text_{builtin_wrappers()};
};

}  // namespace

Tables::Tables(std::vector<FamilyTable> families, WrapperTable wrappers)
    : families_(std::move(families)), wrappers_(std::move(wrappers)) {
  for (std::uint32_t f = 0; f < families_.size(); ++f) {
    const SegmentSets sets = select_sets(families_[f]);
    auto& layouts = choices_.emplace_back();
    for (std::uint32_t l = 0; l < families_[f].layouts.size(); ++l) {
      const LayoutTable& layout = families_[f].layouts[l];
      const auto& forms = layouts.emplace_back(form_choices(layout));
      for (std::uint32_t c = 0; c < forms.size(); ++c) {
        const Variables variables = form_variables(layout, forms[c]);
        TableFaults ignored;  // a sound table has none; an unsound one was refused before
        for (const EvidenceItem& item : layout.anchors) {
          auto pattern = Pattern::parse(substitute(item.name, variables, ignored), PatternUse::kSelect, sets);
          if (pattern) anchors_.add(*pattern, item, {f, l, c});
        }
      }
    }
  }
}

const FamilyTable* Tables::family(std::string_view name) const {
  for (const FamilyTable& candidate : families_) {
    if (candidate.name == name) return &candidate;
  }
  return nullptr;
}

std::vector<Variant> variants_of(const FamilyTable& family) {
  const VariantTable& table = family.variants;
  std::vector<Variant> variants;
  variants.reserve(table.lines.size());
  for (const VariantLine& line : table.lines) {
    Variant variant;
    variant.name = line.name;
    std::size_t column = 0;
    for (const auto& [names, config] : {std::pair(&table.match, &variant.match), std::pair(&table.prefer, &variant.prefer),
                                        std::pair(&table.gives, &variant.gives)}) {
      for (const std::string& name : *names) {
        const Value& value = line.values[column++];
        if (!value.is_null()) config->set(name, value, ConfigOrigin::kVariantTable);
      }
    }
    variants.push_back(std::move(variant));
  }
  return variants;
}

bool has_config_key(const Tables& tables, std::string_view family, std::string_view key) {
  const FamilyTable* const table = tables.family(family);
  return table != nullptr && std::any_of(table->config.begin(), table->config.end(), [&](const ConfigKey& k) { return k.name == key; });
}

std::map<std::string, std::vector<Variant>> variants_by_family(const Tables& tables) {
  std::map<std::string, std::vector<Variant>> all;
  for (const FamilyTable& family : tables.families()) {
    if (auto variants = variants_of(family); !variants.empty()) all.emplace(family.name, std::move(variants));
  }
  return all;
}

SegmentSets select_sets(const FamilyTable& family) {
  SegmentSets sets;
  for (const auto& [name, set] : family.sets) sets.emplace(name, set.from);
  return sets;
}

Result<std::shared_ptr<const Tables>> load_tables(const TablesOptions& options) {
  return io::guard_memory("the tables", [&]() -> Result<std::shared_ptr<const Tables>> {
    Loader loader(options);
    if (!options.override_dir.empty()) {
      if (auto done = loader.override_from(options.override_dir); !done) return tl::unexpected(done.error());
    }
    return loader.load();
  });
}

std::shared_ptr<const Tables> builtin_tables() {
  static const std::shared_ptr<const Tables> tables = [] {
    auto loaded = load_tables();
    if (!loaded) throw std::logic_error(loaded.error().message);  // a bug in tenon, found by its tests
    return *std::move(loaded);
  }();
  return tables;
}

std::vector<std::string> family_names(const Tables& tables) {
  std::vector<std::string> names;
  for (const FamilyTable& family : tables.families()) {
    if (family.piece_of.empty()) names.push_back(family.name);
  }
  return names;
}

std::vector<std::string> variant_names(const Tables& tables, std::string_view family) {
  std::vector<std::string> names;
  const FamilyTable* table = tables.family(family);
  if (table == nullptr) return names;
  for (const VariantLine& line : table->variants.lines) names.push_back(line.name);
  if (!table->declined) names.emplace_back("custom");
  return names;
}

std::vector<std::string> layout_names(const Tables& tables, std::string_view family) {
  std::vector<std::string> names;
  const FamilyTable* table = tables.family(family);
  if (table == nullptr) return names;
  for (const LayoutTable& layout : table->layouts) names.push_back(layout.name);
  return names;
}

}  // namespace tenon
