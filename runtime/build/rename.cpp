// Rows written in C++ become a table in the notation of configs/README.md.
#include <tenon/rename.h>

#include <algorithm>

namespace tenon {
namespace {

/// Text in the notation of the tables; JSON's strings are YAML's too.
std::string in_quotes(const std::string& text) { return to_string(Value(text)); }

/// The caller's rows as a table whose own names are the rows' targets.
std::string table_of(const std::vector<RenameRow>& rows) {
  std::string own;
  for (const auto& row : rows) own += (own.empty() ? "" : ", ") + in_quotes(row.to);
  std::string table = "tenon_tables: 1\nfamily: renamed\nabout: a module of the caller\nown: module\n"
                      "sets: {wb: [weight, bias]}\nlayouts:\n  module:\n    about: its own names\n    evidence: {anchors: [" +
                      in_quotes(rows.front().to) + "]}\n    rows: [" + own +
                      "]\n  file:\n    about: names of the file\n    evidence: {anchors: [" + in_quotes(rows.front().from.front()) +
                      "]}\n    rows:\n";
  for (const auto& row : rows) {
    std::string from;
    for (const auto& name : row.from) from += (from.empty() ? "" : ", ") + in_quotes(name);
    table += "      - {from: [" + from + "], to: " + in_quotes(row.to);
    if (!row.expr.empty()) table += ", expr: " + in_quotes(row.expr) + ", back: none, invents: it is only read";
    table += "}\n";
  }
  return table;
}

}  // namespace

Result<LoadReport> load_into(torch::nn::Module& module,
                             const std::string& path,
                             const LoadOptions& options,
                             const std::vector<RenameRow>& rename) {
  const auto names_something = [](const RenameRow& row) { return !row.from.empty(); };
  if (rename.empty() || !std::all_of(rename.begin(), rename.end(), names_something)) {
    return fail(ErrorKind::kUsage, "TN-TABLE-ROW", "a rename table needs rows, and each of them a name in the file [TN-TABLE-ROW]");
  }
  return load_into(module, path, options, table_of(rename));
}

}  // namespace tenon
