// What a user asked for on the command line: one value, shared by both programs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <tenon/dtype.h>
#include <tenon/value.h>

namespace tenon::tools {

enum class Verb { kInspect, kLs, kCheck, kLoad, kRun, kDiff, kConvert, kExplain, kBench };

enum class Progress { kAuto, kBar, kJson, kNone };
enum class Color { kAuto, kAlways, kNever };
enum class Io { kAuto, kRead, kMmap };

/// What a checkpoint must be, and how it is to be read: options of check, load, run, convert.
struct ModelOptions {
  std::string family;   // --as FAMILY[/VARIANT]
  std::string variant;
  std::string config_path;
  Config set;
  std::string policy = "strict";  // a preset's name or a file
  std::vector<std::pair<std::string, std::string>> with;  // role, CKPT[::part]
  std::string device = "cpu";     // "cpu", "cuda", "cuda:N"
  std::optional<std::string> dtype;  // as written; absent: the verb's default
  Io io = Io::kAuto;
  bool verify = false;
  std::string sha256;
  int threads = 0;  // 0: LibTorch's default
  std::string tables;
};

struct Options {
  Verb verb = Verb::kInspect;
  std::vector<std::string> checkpoints;

  std::string subject;  // explain: an id or a tensor's name
  std::string folder;   // inspect -r
  std::string filter;  // ls
  ModelOptions model;
  std::string inputs;  // run
  std::string outputs;
  std::string to;  // convert: a layout
  std::string output;
  std::string against;
  std::optional<std::string> html;  // check, load, run, convert: the report as a page
  std::vector<int> batches;          // bench
  std::vector<std::string> devices;  // bench; none: the CPU, and CUDA where it can be used
  std::vector<std::string> dtypes;   // bench; none: keep
  bool values = false;  // diff
  double atol = 0;
  double rtol = 0;

  bool json = false;
  bool quiet = false;
  bool verbose = false;
  Progress progress = Progress::kAuto;
  Color color = Color::kAuto;
  std::string log_level = "off";  // the report says what there is to say
};

/// The command line asks for text (--help, --version), which is to be printed.
struct PrintText {
  std::string text;
};

/// The command line is wrong: one line, and where to read more.
struct UsageError {
  std::string message;
  std::string remedy;
};

using Parsed = std::variant<Options, PrintText, UsageError>;

[[nodiscard]] Parsed parse_options(int argc, const char* const* argv);

/// "inspect", ...
[[nodiscard]] std::string verb_name(Verb verb);
/// The verb and --json as far as a command line that may be wrong shows them: what a usage error is printed with.
struct Glimpse {
  std::string verb;  // empty: no known verb
  bool json = false;
};
[[nodiscard]] Glimpse glimpse(int argc, const char* const* argv);
/// The verb's work needs LibTorch, so bin/tenon hands it over.
[[nodiscard]] bool needs_libtorch(const Options& options);
/// The element type that --dtype names; nullopt for "keep". `dtype` is one of keep, fp32, fp16, bf16.
[[nodiscard]] std::optional<DType> dtype_option(const std::string& dtype);

}  // namespace tenon::tools
