// tenon_family_pages CONFIGS DOCS: writes DOCS/<family>.md for each table of CONFIGS, and DOCS/README.md, their list.
// With --check it writes nothing and fails where a page is not what would be written.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "runtime/mapping/yaml_node.h"

namespace {

namespace fs = std::filesystem;
using tenon::YamlEntry;
using tenon::YamlNode;
using Kind = YamlNode::Kind;
using Variables = std::map<std::string, std::string>;

constexpr std::size_t kWidestTable = 9;
constexpr int kDeepest = 8;

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string scalar(const YamlNode* node) { return node == nullptr ? std::string() : node->text; }

const std::vector<YamlEntry>& entries(const YamlNode& node, std::string_view key) {
  static const std::vector<YamlEntry> none;
  const YamlNode* found = node.find(key);
  return found == nullptr ? none : found->entries;
}

const std::vector<YamlNode>& items(const YamlNode& node, std::string_view key) {
  static const std::vector<YamlNode> none;
  const YamlNode* found = node.find(key);
  return found == nullptr ? none : found->items;
}

/// The node as it would be written in one line.
std::string one_line(const YamlNode& node) {
  if (node.kind == Kind::kNull) return "any";
  if (node.kind == Kind::kScalar) return node.text;
  std::string text;
  for (const YamlNode& item : node.items) text += (text.empty() ? "" : ", ") + one_line(item);
  for (const YamlEntry& entry : node.entries) text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", entry.key, one_line(entry.value));
  return node.kind == Kind::kMap ? "{" + text + "}" : "[" + text + "]";
}

std::string sentence(std::string text) {
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text + '.';
}

std::string code(const std::string& text) { return text.empty() ? "" : "`" + text + "`"; }

/// `${name}` of the variables that are known here; the others stay.
std::string substituted(std::string text, const Variables& variables) {
  for (const auto& [name, value] : variables) {
    const std::string mark = "${" + name + "}";
    for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += value.size()) text.replace(at, mark.size(), value);
  }
  return text;
}

std::string names(const YamlNode* node, const Variables& variables) {
  if (node == nullptr) return {};
  if (node->kind == Kind::kScalar) return code(substituted(node->text, variables));
  std::string text;
  for (const YamlNode& item : node->items) text += (text.empty() ? "" : "<br>") + code(substituted(one_line(item), variables));
  for (const YamlEntry& entry : node->entries) text += (text.empty() ? "" : "<br>") + code(substituted(entry.key, variables));
  return text;
}

std::string expressions(const YamlNode& row, const Variables& variables) {
  const YamlNode* expr = row.kind == Kind::kSequence ? (row.items.size() > 2 ? &row.items[2] : nullptr) : row.find("expr");
  std::string text = expr == nullptr ? "" : substituted(one_line(*expr), variables);
  if (const YamlNode* to = row.find("to"); to != nullptr && to->kind == Kind::kMap) {
    for (const YamlEntry& entry : to->entries) text += (text.empty() ? "" : "<br>") + code(substituted(one_line(entry.value), variables));
    return text;
  }
  return code(text);
}

std::string remarks(const YamlNode& row) {
  std::string text;
  for (const char* key : {"sets", "twins", "drops", "value", "invents", "when"}) {
    if (const YamlNode* node = row.find(key)) text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", key, one_line(*node));
  }
  return text;
}

class FamilyPage {
 public:
  explicit FamilyPage(const YamlNode& root) : root_(root) {}

  std::string text() {
    const std::string family = scalar(root_.find("family"));
    out_ = fmt::format("# {}\n\nWritten by `tools/family-pages` from [configs/{}.yaml](../../configs/{}.yaml); edit that.\n\n{}\n", family, family,
                       family, sentence(scalar(root_.find("about"))));
    if (const YamlNode* declined = root_.find("declined")) {
      out_ += fmt::format("\ntenon recognises it and does not build it: {}. Instead: {}.\n", scalar(declined->find("because")),
                          scalar(declined->find("instead")));
    } else {
      out_ += fmt::format("\nThe model's own names, which reports and policies use, are those of `{}`.\n", scalar(root_.find("own")));
    }
    append_config();
    append_variants();
    append_sets();
    for (const YamlEntry& layout : entries(root_, "layouts")) append_layout(layout.key, layout.value);
    return out_;
  }

 private:
  void append_config() {
    if (entries(root_, "config").empty()) return;
    out_ += "\n## Config\n\nWhat `inspect` prints and `--set` takes.\n\n| key | values | meaning |\n|---|---|---|\n";
    for (const YamlEntry& key : entries(root_, "config")) {
      const YamlNode* choices = key.value.find("choices");
      std::string values = scalar(key.value.find("type"));
      if (choices != nullptr) {
        values.clear();
        for (const YamlNode& choice : choices->items) values += (values.empty() ? "" : ", ") + code(choice.text);
      }
      out_ += fmt::format("| `{}` | {} | {} |\n", key.key, values, scalar(key.value.find("about")));
    }
  }

  void append_variants() {
    const YamlNode* variants = root_.find("variants");
    if (variants == nullptr) return;
    std::vector<std::string> columns;
    for (const char* group : {"match", "prefer", "gives"}) {
      for (const YamlNode& column : items(*variants, group)) columns.push_back(column.text);
    }
    const std::size_t matched = columns.size() >= kWidestTable ? items(*variants, "match").size() : 0;
    out_ += "\n## Variants\n\nA file is the variant whose values its shapes give";
    out_ += matched == 0 ? ".\n\n| variant |" : "; the columns here are those that shapes do not decide.\n\n| variant |";
    for (std::size_t i = matched; i < columns.size(); ++i) out_ += fmt::format(" `{}` |", columns[i]);
    out_ += "\n|---|";
    for (std::size_t i = matched; i < columns.size(); ++i) out_ += "---|";
    out_ += '\n';
    for (const YamlEntry& variant : entries(*variants, "list")) {
      out_ += fmt::format("| `{}` |", variant.key);
      for (std::size_t i = matched; i < variant.value.items.size(); ++i) out_ += fmt::format(" {} |", one_line(variant.value.items[i]));
      out_ += '\n';
    }
  }

  void append_sets() {
    if (entries(root_, "sets").empty()) return;
    out_ += "\n## Sets\n\nIn the tables below `{i}` is a number and a longer name one of a set.\n\n| set | segments |\n|---|---|\n";
    for (const YamlEntry& set : entries(root_, "sets")) out_ += fmt::format("| `{{{}}}` | `{}` |\n", set.key, one_line(set.value));
  }

  void append_layout(const std::string& name, const YamlNode& layout) {
    out_ += fmt::format("\n## Layout {}\n\n{}\n", name, sentence(scalar(layout.find("about"))));
    has_roots_ = layout.find("roots") != nullptr;
    Variables variables;
    for (const YamlEntry& entry : entries(layout, "vars")) variables[entry.key] = entry.value.text;
    append_evidence(layout, variables);
    append_spellings(layout);
    if (!items(layout, "rows").empty()) {
      out_ += "\n| in the file | in the model | how |\n|---|---|---|\n";
      for (const YamlNode& row : items(layout, "rows")) append_row(row, variables, 0);
    }
    if (layout.find("emitted") != nullptr) out_ += "\nFurther rows follow from the model's structure; `tenon explain TENSOR CKPT` shows each.\n";
    if (items(layout, "harmless").empty()) return;
    out_ += "\n| ignored | because |\n|---|---|\n";
    for (const YamlNode& harmless : items(layout, "harmless")) {
      out_ += fmt::format("| {} | {} |\n", names(harmless.find("name"), variables), scalar(harmless.find("because")));
    }
  }

  void append_evidence(const YamlNode& layout, const Variables& variables) {
    const YamlNode* evidence = layout.find("evidence");
    if (evidence == nullptr) return;
    out_ += "\n| recognised by | names |\n|---|---|\n";
    for (const auto& [key, words] : {std::pair{"anchors", "found at the end of names"}, {"all", "all of"}, {"any", "one of"}, {"none", "none of"}}) {
      if (const YamlNode* list = evidence->find(key)) out_ += fmt::format("| {} | {} |\n", words, names(list, variables));
    }
  }

  void append_spellings(const YamlNode& layout) {
    const YamlNode* roots = layout.find("roots");
    if (roots == nullptr && entries(layout, "spellings").empty()) return;
    out_ += "\n| chosen by evidence | values |\n|---|---|\n";
    if (roots != nullptr) {
      std::string values;
      for (const YamlNode& root : roots->items) values += (values.empty() ? "" : ", ") + (root.text.empty() ? "nothing" : code(root.text));
      for (const YamlEntry& root : roots->entries) values += (values.empty() ? "" : ", ") + (root.key.empty() ? "nothing" : code(root.key));
      out_ += fmt::format("| `${{root}}` | {} |\n", values);
    }
    for (const YamlEntry& group : entries(layout, "spellings")) {
      for (const YamlEntry& alternative : group.value.entries) {
        std::string values;
        for (const YamlEntry& value : entries(alternative.value, "set")) {
          values += fmt::format("{}`${{{}}}` = {}", values.empty() ? "" : ", ", value.key, value.value.text.empty() ? "nothing" : code(value.value.text));
        }
        for (const char* key : {"all", "any", "none"}) {
          const YamlNode* list = alternative.value.find(key);
          if (list != nullptr && values.empty()) values = fmt::format("{} of {}", key, names(list, {}));
        }
        out_ += fmt::format("| {}: {} | {} |\n", group.key, alternative.key, values.empty() ? "otherwise" : values);
      }
    }
  }

  void append_row(const YamlNode& row, const Variables& variables, int depth) {
    if (const YamlNode* use = row.find("use")) {
      Variables inner = variables;
      for (const YamlEntry& argument : entries(row, "with")) inner[argument.key] = substituted(argument.value.text, variables);
      const YamlNode* fragments = root_.find("fragments");
      const YamlNode* fragment = fragments == nullptr ? nullptr : fragments->find(use->text);
      if (fragment == nullptr || depth == kDeepest) return;
      for (const YamlNode& next : fragment->items) append_row(next, inner, depth + 1);
      return;
    }
    std::string from;
    std::string to;
    if (row.kind == Kind::kScalar) {
      to = names(&row, variables);
      from = has_roots_ ? code(substituted("${root}" + row.text, variables)) : to;
    } else if (row.kind == Kind::kSequence) {
      from = names(&row.items.at(0), variables);
      to = names(&row.items.at(1), variables);
    } else {
      from = names(row.find("from"), variables);
      to = names(row.find("to"), variables);
    }
    std::string how = expressions(row, variables);
    if (const std::string more = remarks(row); !more.empty()) how += (how.empty() ? "" : "; ") + more;
    out_ += fmt::format("| {} | {} | {} |\n", from, to, how.empty() ? "renamed" : how);
  }

  const YamlNode& root_;
  bool has_roots_ = false;  // of the layout that is being written
  std::string out_;
};

/// file name -> text of every page.
std::map<std::string, std::string> pages_of(const fs::path& configs) {
  std::map<std::string, std::string> pages;
  std::vector<fs::path> tables;
  for (const auto& file : fs::directory_iterator(configs)) {
    if (file.path().extension() == ".yaml" && file.path().stem() != "wrappers") tables.push_back(file.path());
  }
  std::sort(tables.begin(), tables.end());
  std::string list = "# Families\n\nWritten by `tools/family-pages` from the tables in `configs/`.\n\n| family | what | built |\n|---|---|---|\n";
  for (const fs::path& table : tables) {
    const auto root = tenon::parse_yaml(read(table));
    if (!root) throw std::runtime_error(table.string() + ": " + root.error().message);
    const std::string name = table.stem().string();
    pages[name + ".md"] = FamilyPage(*root).text();
    list += fmt::format("| [{}]({}.md) | {} | {} |\n", name, name, scalar(root->find("about")), root->find("declined") == nullptr ? "yes" : "no");
  }
  pages["README.md"] = list;
  return pages;
}

int run(bool check, const fs::path& configs, const fs::path& docs) {
  const auto pages = pages_of(configs);
  int stale = 0;
  for (const auto& file : fs::directory_iterator(docs)) {
    if (pages.count(file.path().filename().string()) != 0) continue;
    ++stale;
    if (!check) fs::remove(file.path());
    if (check) std::cerr << file.path().string() << ": no table has this page\n";
  }
  for (const auto& [name, text] : pages) {
    if (read(docs / name) == text) continue;
    ++stale;
    if (check) std::cerr << (docs / name).string() << ": not what the table says; run tools/family-pages\n";
    if (!check) std::ofstream(docs / name, std::ios::binary) << text;
  }
  return check && stale != 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const bool check = argc == 4 && std::string(argv[1]) == "--check";
  if (argc != 3 && !check) {
    std::cerr << "usage: tenon_family_pages [--check] CONFIGS DOCS\n";
    return 4;
  }
  try {
    return run(check, argv[argc - 2], argv[argc - 1]);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
}
