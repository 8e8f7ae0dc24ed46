// Every row of the tables of hostile input has a test that says so (rows.txt).
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/support/paths.h"

namespace tenon::test {
namespace {

struct Rows {
  std::set<std::string> all;
  std::map<std::string, std::string> without_test;  // and why
};

std::string row_id(const std::string& table, int number) {
  std::string digits = std::to_string(number);
  digits.insert(0, (table == "ST" ? 3 : 2) - std::min<std::size_t>(digits.size(), table == "ST" ? 3 : 2), '0');
  return table + "-" + digits;
}

Rows read_rows() {
  Rows rows;
  std::ifstream file(source_dir() / "tests/formats/rows.txt");
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string table;
    words >> table;
    if (table == "without") {
      const auto colon = line.find(": ");
      rows.without_test[line.substr(8, colon - 8)] = line.substr(colon + 2);
      continue;
    }
    int first = 0;
    int last = 0;
    words >> first >> last;
    for (int n = first; n <= last; ++n) rows.all.insert(row_id(table, n));
  }
  return rows;
}

/// The row ids in a piece of text.
void collect(const std::string& text, std::set<std::string>& ids) {
  static const std::regex kId("(ST|IX|ZP|PK|LG|TS|IO)[-_]?([0-9]{2,3})(?![0-9])");
  for (std::sregex_iterator at(text.begin(), text.end(), kId), end; at != end; ++at) ids.insert((*at)[1].str() + "-" + (*at)[2].str());
}

/// Names of tests, and the strings that begin with a row's id in the tables of cases.
std::set<std::string> named_rows() {
  static const std::regex kName("^ *(?:TEST(?:_F|_P)?\\(([^{]*)|def (test_[A-Za-z0-9_]*))");
  static const std::regex kCase("\"((?:ST|IX|ZP|PK|LG|TS|IO)_[0-9]{2,3})(?![0-9])");
  std::set<std::string> ids;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source_dir() / "tests")) {
    if (entry.path().extension() != ".cpp" && entry.path().extension() != ".py") continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      std::smatch name;
      if (std::regex_search(line, name, kName)) collect(name.str(), ids);
      for (std::sregex_iterator at(line.begin(), line.end(), kCase), end; at != end; ++at) collect((*at)[1], ids);
    }
  }
  return ids;
}

TEST(RowIds, EachRowHasATestOrAReason) {
  const Rows rows = read_rows();
  ASSERT_EQ(rows.all.size(), 130u + 27 + 62 + 74 + 14 + 6 + 40);
  const auto named = named_rows();
  for (const std::string& id : rows.all) {
    EXPECT_NE(named.contains(id), rows.without_test.contains(id)) << id << (named.contains(id) ? " has a test and a reason for none" : " has neither");
  }
  for (const auto& [id, why] : rows.without_test) {
    EXPECT_TRUE(rows.all.contains(id)) << id;
    EXPECT_FALSE(why.empty()) << id;
  }
}

TEST(RowIds, NoTestNamesARowThatDoesNotExist) {
  const Rows rows = read_rows();
  for (const std::string& id : named_rows()) EXPECT_TRUE(rows.all.contains(id)) << id;
}

}  // namespace
}  // namespace tenon::test
