// The JSON documents of the verbs. Always valid UTF-8, one line, no trailing newline.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tenon/checkpoint.h>
#include <tenon/error.h>
#include <tenon/identify.h>
#include <tenon/report.h>
#include <vector>

namespace tenon::report {

/// What a verb found. Whatever an error kept from being made is null or empty.
struct Inspection {
  std::string path;
  std::shared_ptr<const Checkpoint> checkpoint;
  std::optional<Identity> identity;
  std::vector<Diagnosis> diagnosis;
  std::optional<Error> error;
};

struct Listing {
  std::string path;
  std::shared_ptr<const Checkpoint> checkpoint;
  std::vector<std::uint32_t> tensors;  // indices, after --filter
  std::optional<Error> error;
};

/// `check`, `load`, `run` and `convert`. An error of kind kRefused or kIdentity is a verdict and
/// not an error: its report is printed and "error" stays null.
struct Outcome {
  std::string path;
  std::optional<LoadReport> report;
  std::optional<Error> error;
  std::optional<Part> part = {};  // the part that the report is about, for its evidence
};

/// `diff`. `what` is "shape", "dtype" or "value"; a and b are as printed.
struct Comparison {
  struct Difference {
    std::string tensor;
    std::string what;
    std::string a;
    std::string b;
    std::optional<double> max_abs;
  };
  std::string path_a;
  std::string path_b;
  bool by_file_names = false;  // at least one side is not identified
  std::uint64_t matched = 0;
  std::vector<std::string> only_in_a;
  std::vector<std::string> only_in_b;
  std::vector<Difference> different;
  std::optional<Error> error;
  [[nodiscard]] bool identical() const {
    return only_in_a.empty() && only_in_b.empty() && different.empty();
  }
};

[[nodiscard]] std::string to_json(const Inspection& inspection);
[[nodiscard]] std::string to_json(const Listing& listing);
[[nodiscard]] std::string to_json(std::string_view verb, const Outcome& outcome);
[[nodiscard]] std::string to_json(const Comparison& comparison);
/// A document of `verb` that holds the error alone: wrong usage, before anything was opened.
[[nodiscard]] std::string to_json(std::string_view verb, const Error& error);
/// Several CKPT, and `inspect -r`: an array of documents.
[[nodiscard]] std::string json_array(const std::vector<std::string>& documents);

}  // namespace tenon::report
