// The engine knows no family: what it knows is in the tables.
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "runtime/identify/tables.h"
#include "tests/support/paths.h"

namespace tenon {
namespace {

/// A source without its comments.
std::string code_of(const std::filesystem::path& path) {
  std::ifstream stream(path);
  std::string code;
  for (std::string line; std::getline(stream, line);) {
    const auto comment = line.find("//");
    code += line.substr(0, comment) + "\n";
  }
  return code;
}

std::vector<std::filesystem::path> sources_of_the_engine() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(test::source_dir() / "runtime")) {
    if (entry.path().extension() == ".cpp" || entry.path().extension() == ".h") paths.push_back(entry.path());
  }
  return paths;
}

TEST(Sources, TheEngineNamesNoFamily) {
  std::set<std::string> names;
  for (const FamilyTable& family : builtin_tables()->families()) names.insert(family.name);
  names.erase("quantised");  // also a kind of dtype
  for (const char* role : {"vae", "lora", "controlnet"}) names.erase(role);  // also roles of `--with`
  ASSERT_GE(names.size(), 2U);
  std::string words;
  for (const std::string& name : names) words += (words.empty() ? "" : "|") + name;
  const std::regex family("\\b(" + words + ")\\b", std::regex::icase);
  for (const auto& path : sources_of_the_engine()) {
    std::smatch found;
    const std::string code = code_of(path);
    EXPECT_FALSE(std::regex_search(code, found, family)) << path << ": " << found.str();
  }
}

TEST(Sources, TheEngineNamesNoTensor) {
  std::set<std::string> names;
  for (const FamilyTable& family : builtin_tables()->families()) {
    for (const LayoutTable& layout : family.layouts) {
      for (const FormChoice& choice : form_choices(layout)) {
        TableFaults faults;
        for (const Rule& rule : expand_form(family, layout, choice, {}, faults).rules) {
          for (const auto* side : {&rule.from, &rule.to}) {
            for (const Pattern& pattern : *side) {
              if (pattern.is_literal()) names.insert(pattern.to_string());
            }
          }
        }
      }
    }
  }
  ASSERT_GE(names.size(), 10U);
  for (const auto& path : sources_of_the_engine()) {
    const std::string code = code_of(path);
    for (const std::string& name : names) EXPECT_EQ(code.find("\"" + name + "\""), std::string::npos) << path << ": " << name;
  }
}

}  // namespace
}  // namespace tenon
