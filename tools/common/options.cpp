#include "tools/common/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <memory>
#include <iterator>

#include <tenon/version.h>

#include "runtime/io/text.h"
#include "tools/common/did_you_mean.h"
#include "tools/common/validators.h"

namespace tenon::tools {
namespace {


struct VerbText {
  Verb verb;
  const char* name;
  const char* does;
  const char* examples;
};

constexpr VerbText kVerbs[] = {
    {Verb::kInspect, "inspect", "What is it? Parts, family, variant, layout, config, and why",
     "  tenon inspect model.safetensors           one file, with the evidence\n"
     "  tenon inspect sd15.safetensors::unet      one part of a bundle\n"
     "  tenon inspect -r models/                  a folder, one line per file\n"
     "Reads headers only. Exit code: 0 identified, 2 cannot be read, 3 unknown or ambiguous."},
    {Verb::kLs, "ls", "Its tensors: name, dtype, shape, bytes, file",
     "  tenon ls model.safetensors\n"
     "  tenon ls model.pth --filter '*.attn.*'\n"
     "Reads headers only. Exit code: 0 listed, 2 cannot be read."},
    {Verb::kCheck, "check", "Would it load, and if not, why and what to do",
     "  tenon check model.safetensors\n"
     "  tenon check model.safetensors --as vit --set num_classes=10 --policy lenient\n"
     "  tenon check model.safetensors --json | jq .verdict\n"
     "  tenon check model.safetensors --html report.html\n"
     "Reads headers only. Exit code: 0 accepted, 1 refused, 2 cannot be read, 3 unknown or ambiguous."},
    {Verb::kLoad, "load", "Do the whole load, audit it, print the report and the timings",
     "  tenon load model.safetensors\n"
     "  tenon load model.pth --device cuda --dtype bf16\n"
     "Exit code: 0 loaded, 1 refused, 2 cannot be read, 3 unknown or ambiguous, 4 usage, 5 hash, 6 device or memory,\n"
     "7 interrupted."},
    {Verb::kRun, "run", "Load, run one forward, write the outputs",
     "  tenon run model.safetensors --inputs images.safetensors --outputs logits.safetensors\n"
     "Input and output names are those of the family: a vit takes pixel_values and gives tokens,\n"
     "features and logits. Outputs are written as fp32."},
    {Verb::kDiff, "diff", "Compare two checkpoints, both renamed to the model's own names",
     "  tenon diff timm.safetensors transformers/\n"
     "  tenon diff before.safetensors after.safetensors --values --rtol 1e-5\n"
     "Without --values only names, shapes and dtypes are compared, and no tensor is read.\n"
     "Exit code: 0 identical, 1 different, 2 cannot be read."},
    {Verb::kConvert, "convert", "Write the same weights in another layout",
     "  tenon convert timm.safetensors --to transformers -o model.safetensors\n"
     "  tenon convert model.pth --to timm -o out.safetensors --dtype fp16 --against reference.safetensors\n"
     "--against compares names and shapes with a template; where they differ nothing is written.\n"
     "Exit code: 0 written, 1 refused or different, 2 cannot be read or written, 4 no such layout."},
    {Verb::kExplain, "explain", "What an id means, or one tensor's way through the mapping",
     "  tenon explain TN-MISSING\n"
     "  tenon explain blocks.0.attn.qkv.weight model.safetensors\n"
     "A tensor may be named as in the file or as in the model; nothing but headers is read.\n"
     "Exit code: 0 explained, 2 cannot be read, 3 unknown or ambiguous, 4 no such id or tensor."},
    {Verb::kBench, "bench", "Time open, plan, read, bind, load (warm and cold) and forward",
     "  tenon bench model.safetensors\n"
     "  tenon bench vit-l.safetensors --batch 1 --batch 8 --threads 2\n"
     "  tenon bench model.safetensors --device cuda --dtype fp16 --dtype bf16 --json > bench.json\n"
     "--json gives Google Benchmark's JSON, readable by its compare.py; else a Markdown table."},
};

constexpr const char* kModel = "What it must be";
constexpr const char* kReading = "How it is read and placed";
constexpr const char* kOutput = "Output";

// Verbs before options, and one blank line between groups.
class Help : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    std::string text = make_description(app) + '\n' + make_usage(app, std::move(name)) + make_subcommands(app, mode) +
                       make_positionals(app) + make_groups(app, mode) + '\n' + make_footer(app);
    for (std::size_t at = 0; (at = text.find("\n\n\n", at)) != std::string::npos;) text.erase(at, 1);
    return text;
  }
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    return is_positional ? option->get_type_name() : CLI::Formatter::make_option_name(option, false);
  }
  std::string make_option_usage(const CLI::Option* option) const override { return option->get_type_name(); }
};

CLI::Option* add_text(CLI::App& app, const char* name, std::string& into, const char* metavar,
                      const char* help, const char* group) {
  return app.add_option(name, into, help)->type_name(metavar)->option_text(metavar)->group(group);
}

template <class Enum>
void add_choice(CLI::App& app, const char* name, Enum& into,
                const std::vector<std::pair<std::string, Enum>>& choices, const char* help,
                const char* group) {
  std::vector<std::string> names;
  for (const auto& choice : choices) names.push_back(choice.first);
  app.add_option_function<std::string>(
         name,
         [&into, choices](const std::string& value) {
           for (const auto& choice : choices) {
             if (choice.first == value) into = choice.second;
           }
         },
         help)
      ->check(one_of(names))
      ->type_name(fmt::format("{}", fmt::join(names, "|")))
      ->option_text(fmt::format("{}", fmt::join(names, "|")))
      ->group(group);
}

void add_common(CLI::App& app, Options& options) {
  app.set_help_flag();  // CLI11 lists options in the order in which they were added
  app.set_help_flag("-h,--help", "Print this help")->group(kOutput);
  app.set_version_flag("--version", fmt::format("tenon {}", kVersion), "Print the version")->group(kOutput);
  app.add_flag("--json", options.json, "One JSON document on standard output, also on failure")
      ->group(kOutput);
  app.add_flag("-q,--quiet", options.quiet, "Print nothing but errors; the exit code says the rest")
      ->group(kOutput);
  app.add_flag("-v,--verbose", options.verbose, "Print everything, tensor by tensor")
      ->group(kOutput);
  add_choice<Progress>(app, "--progress", options.progress,
                       {{"auto", Progress::kAuto},
                        {"bar", Progress::kBar},
                        {"json", Progress::kJson},
                        {"none", Progress::kNone}},
                       "On standard error; auto: a bar on a terminal", kOutput);
  add_choice<Color>(
      app, "--color", options.color,
      {{"auto", Color::kAuto}, {"always", Color::kAlways}, {"never", Color::kNever}},
      "auto: on a terminal, unless NO_COLOR is set", kOutput);
  app.add_option("--log-level", options.log_level, "Log to standard error from this level on")
      ->check(one_of({"trace", "debug", "info", "warn", "error", "off"}))
      ->option_text("trace|debug|info|warn|error|off")
      ->group(kOutput);
}

void set_as(ModelOptions& model, const std::string& as) {
  const std::size_t slash = as.find('/');
  model.family = as.substr(0, slash);
  model.variant = slash == std::string::npos ? "" : as.substr(slash + 1);
  if (model.family.empty() || (slash != std::string::npos && model.variant.empty())) {
    throw CLI::ValidationError("--as", io::quoted(as) + " is not FAMILY or FAMILY/VARIANT");
  }
}

// The two halves of NAME=VALUE.
std::pair<std::string, std::string> split_pair(const char* option, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw CLI::ValidationError(option, io::quoted(text) + " has no NAME= before a value");
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

void add_partner(ModelOptions& model, const std::string& text) {
  const auto [role, checkpoint] = split_pair("--with", text);
  const std::vector<std::string> roles = {"base", "image_encoder", "adapter", "vae", "lora", "controlnet"};
  if (std::find(roles.begin(), roles.end(), role) == roles.end()) {
    const std::string near = nearest(role, roles);
    throw CLI::ValidationError("--with", fmt::format("{} is no role; known: {}{}", io::quoted(role), fmt::join(roles, ", "),
                                                     near.empty() ? "" : fmt::format("; did you mean {}?", near)));
  }
  model.with.emplace_back(role, checkpoint);
}

void add_each(CLI::App& app, const char* name, const char* metavar, const char* help, const char* group,
              std::function<void(const std::string&)> take) {
  app.add_option_function<std::vector<std::string>>(
         name,
         [take = std::move(take)](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) take(text);
         },
         help)
      ->allow_extra_args(false)
      ->type_name(metavar)
      ->option_text(metavar)
      ->group(group);
}

void add_model(CLI::App& app, ModelOptions& model) {
  add_each(app, "--as", "FAMILY[/VARIANT]", "What it must be; another identity is refused", kModel,
           [&model](const std::string& text) { set_as(model, text); });
  add_text(app, "--config", model.config_path, "FILE",
           "A native config: timm, transformers, InternViT, diffusers or open_clip JSON, or YAML", kModel);
  add_each(app, "--set", "KEY=VALUE", "One config value; may be given several times", kModel,
           [&model](const std::string& text) {
             const auto [key, value] = split_pair("--set", text);
             model.set.set(key, parse_value(value), ConfigOrigin::kSet);
           });
  add_each(app, "--with", "ROLE=CKPT", "A partner that must fit: base, image_encoder, adapter, vae, lora, controlnet", kModel,
           [&model](const std::string& text) { add_partner(model, text); });
  add_text(app, "--policy", model.policy, "NAME|FILE",
           "strict (default), lenient, ignore_mismatched_sizes, hf-like, or a YAML file", kModel);
  add_text(app, "--sha256", model.sha256, "HEX", "The hash that the file must have", kModel)->check(sha256_digits());
  add_text(app, "--tables", model.tables, "DIR", "Tables that override the embedded ones", kModel);

  add_choice<Io>(app, "--io", model.io, {{"auto", Io::kAuto}, {"read", Io::kRead}, {"mmap", Io::kMmap}},
                 "auto: map a local file where nothing is cast, else read in chunks", kReading);
  app.add_flag("--verify", model.verify, "Check the container's checksums also when mapping")->group(kReading);
  app.add_option("--threads", model.threads, "Threads for reading and computing")
      ->check(CLI::Range(1, 1024))
      ->option_text("N")
      ->group(kReading);
}

constexpr const char* kDevices = "cpu|cuda|cuda:N";
constexpr const char* kDtypes = "keep|fp32|fp16|bf16";

// One device and one element type.
void add_place(CLI::App& app, ModelOptions& model) {
  add_text(app, "--device", model.device, kDevices, "Where the model goes (default cpu)", kReading)->check(device_name());
  app.add_option("--dtype", model.dtype, "Element type (default: keep for check and load, fp32 for run on CPU)")
      ->check(one_of({"keep", "fp32", "fp16", "bf16"}))
      ->type_name(kDtypes)
      ->option_text(kDtypes)
      ->group(kReading);
}

// Any number of devices and element types: every one of the one with every one of the other.
void add_places(CLI::App& app, Options& options) {
  app.add_option("--device", options.devices, "A device to measure; may be given several times (default: cpu, and cuda where there is one)")
      ->allow_extra_args(false)
      ->check(device_name())
      ->type_name(kDevices)
      ->option_text(kDevices)
      ->group(kReading);
  app.add_option("--dtype", options.dtypes, "An element type; may be given several times (default keep)")
      ->allow_extra_args(false)
      ->check(one_of({"keep", "fp32", "fp16", "bf16"}))
      ->type_name(kDtypes)
      ->option_text(kDtypes)
      ->group(kReading);
}

void add_page(CLI::App& app, Options& options) {
  app.add_option("--html", options.html, "Write the report as one page that opens offline")
      ->type_name("PATH")
      ->option_text("PATH")
      ->group(kOutput);
}

void add_checkpoints(CLI::App& app, Options& options, const char* metavar) {
  app.add_option("CKPT", options.checkpoints, "A file, an index or a directory; CKPT::PART selects a part")
      ->type_name(metavar)
      ->option_text(" ");
}

const char* metavar_of(Verb verb) {
  if (verb == Verb::kInspect || verb == Verb::kBench) return "CKPT...";
  if (verb == Verb::kExplain) return "[CKPT]";
  return verb == Verb::kDiff ? "CKPT CKPT" : "CKPT";
}

void add_diff(CLI::App& app, Options& options) {
  constexpr const char* kGroup = "Comparison";
  app.add_flag("--values", options.values, "Compare the values too")->group(kGroup);
  app.add_option("--atol", options.atol, "Absolute difference that is still equal (default 0)")
      ->check(not_negative())
      ->option_text("X")
      ->group(kGroup);
  app.add_option("--rtol", options.rtol, "Difference relative to B that is still equal (default 0)")
      ->check(not_negative())
      ->option_text("X")
      ->group(kGroup);
}

void add_verb(CLI::App& root, const VerbText& text, Options& options) {
  CLI::App& app = *root.add_subcommand(text.name, text.does);
  app.group("Verbs");
  app.footer(std::string("Examples:\n") + text.examples);
  app.callback([&options, verb = text.verb] { options.verb = verb; });
  if (text.verb == Verb::kExplain) {
    app.add_option("SUBJECT", options.subject, "An id such as TN-MISSING, or the name of a tensor of CKPT")
        ->type_name("ID|TENSOR")
        ->option_text(" ")
        ->required();
  }
  add_checkpoints(app, options, metavar_of(text.verb));
  switch (text.verb) {
    case Verb::kInspect:
      add_text(app, "-r,--recursive", options.folder, "DIR", "One line for each file under a folder", "Selection");
      break;
    case Verb::kLs:
      add_text(app, "--filter", options.filter, "GLOB", "Only names that match (*, ?, [..])", "Selection");
      break;
    case Verb::kRun:
      add_text(app, "--inputs", options.inputs, "FILE", "Safetensors file with the inputs", "Inputs and outputs")
          ->required();
      add_text(app, "--outputs", options.outputs, "FILE", "Safetensors file to write", "Inputs and outputs")
          ->required();
      add_model(app, options.model);
      add_place(app, options.model);
      add_page(app, options);
      break;
    case Verb::kDiff:
      add_diff(app, options);
      break;
    case Verb::kConvert:
      add_text(app, "--to", options.to, "LAYOUT", "The layout to write", "Output file")->required();
      add_text(app, "-o,--output", options.output, "FILE", "The safetensors file to write", "Output file")->required();
      add_text(app, "--against", options.against, "CKPT", "A template whose names and shapes must be met", "Output file");
      add_model(app, options.model);
      add_place(app, options.model);
      add_page(app, options);
      break;
    case Verb::kCheck:
    case Verb::kLoad:
      add_model(app, options.model);
      add_place(app, options.model);
      add_page(app, options);
      break;
    case Verb::kBench:
      app.add_option("--batch", options.batches, "Batch size of the forward; may be given several times (default 1)")
          ->allow_extra_args(false)
          ->check(CLI::Range(1, 65536))
          ->type_name("N")
          ->option_text("N")
          ->group("Forward");
      add_text(app, "--inputs", options.inputs, "FILE", "Inputs of the forward; else made from the config", "Forward");
      add_model(app, options.model);
      add_places(app, options);
      break;
    case Verb::kExplain:
      break;
  }
  add_common(app, options);
}

void describe_program(CLI::App& app) {
  app.formatter(std::make_shared<Help>());
  app.get_formatter()->column_width(34);
  app.get_formatter()->label("Positionals", "Arguments");
  app.get_formatter()->label("OPTIONS", "options");
  app.get_formatter()->label("SUBCOMMAND", "VERB");
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  tenon inspect model.safetensors       what is this file?\n"
      "  tenon check model.safetensors         would it load? if not, why, and what to do\n"
      "  tenon VERB --help                     options and examples of one verb\n\n"
      "Exit codes:\n"
      "  0 done   1 refused   2 cannot be read or written   3 unknown or ambiguous   4 usage\n"
      "  5 hash differs   6 device or memory   7 interrupted");
}

std::vector<std::string> verb_names() {
  std::vector<std::string> names;
  for (const VerbText& text : kVerbs) names.emplace_back(text.name);
  return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::string suggestion(const std::string& near) {
  return near.empty() ? "" : fmt::format("; did you mean {}?", near);
}

// CLI11 collects what it does not know; the first such word is what a person wants to read about.
UsageError unknown_word(const CLI::App& root, const std::string& help) {
  const auto subcommands = root.get_subcommands();
  const std::vector<std::string> outside = root.remaining(false);
  const std::vector<std::string> rest = outside.empty() ? root.remaining(true) : outside;
  const std::string word = rest.empty() ? "" : rest.front();
  if (word.rfind('-', 0) == 0 && word.size() > 1) {
    const std::string name = word.substr(0, word.find('='));
    const CLI::App& app = outside.empty() && !subcommands.empty() ? *subcommands.front() : root;
    return {fmt::format("unknown option {}{}", io::quoted(name), suggestion(nearest(name, option_names(app)))), help};
  }
  if (!outside.empty()) {
    return {fmt::format("unknown verb {}{}", io::quoted(word), suggestion(nearest(word, verb_names()))), help};
  }
  return {fmt::format("{} is one argument too many", io::quoted(word)), help};
}

std::optional<UsageError> contradiction(const Options& options, const std::string& help) {
  const std::size_t given = options.checkpoints.size();
  if (options.verb == Verb::kInspect) {
    if (given == 0 && options.folder.empty()) {
      return UsageError{"CKPT is missing: a file, an index, a directory, or -r DIR", help};
    }
    if (given > 0 && !options.folder.empty()) return UsageError{"-r DIR takes no CKPT beside it", help};
  } else if (options.verb == Verb::kBench) {
    if (given == 0) return UsageError{"CKPT is missing: a file, an index or a directory", help};
  } else if (options.verb == Verb::kExplain) {
    if (given > 1) return UsageError{fmt::format("explain takes one CKPT at most, {} given", given), help};
  } else if (const std::size_t taken = options.verb == Verb::kDiff ? 2 : 1; given != taken) {
    return UsageError{fmt::format("{} takes {} CKPT, {} given", verb_name(options.verb), taken, given), help};
  }
  if (!options.values && (options.atol > 0 || options.rtol > 0)) {
    return UsageError{"--atol and --rtol need --values", help};
  }
  if (options.quiet && options.verbose) return UsageError{"-q and -v exclude each other", help};
  return std::nullopt;
}

}  // namespace

Parsed parse_options(int argc, const char* const* argv) {
  Options options;
  CLI::App root("tenon opens vision and diffusion checkpoints, says what they are, and loads them or says why not.",
                "tenon");
  describe_program(root);
  add_common(root, options);
  for (const VerbText& text : kVerbs) add_verb(root, text, options);

  const Glimpse seen = glimpse(argc, argv);
  const std::string help = seen.verb.empty() ? "tenon --help" : fmt::format("tenon {} --help", seen.verb);
  try {
    root.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return PrintText{root.help()};
  } catch (const CLI::CallForVersion&) {
    return PrintText{fmt::format("tenon {}\n", kVersion)};
  } catch (const CLI::ExtrasError&) {
    return unknown_word(root, help);
  } catch (const CLI::ParseError& error) {
    if (root.remaining_size(true) > 0) return unknown_word(root, help);
    if (seen.verb.empty()) return UsageError{"a verb is required: " + fmt::format("{}", fmt::join(verb_names(), ", ")), help};
    return UsageError{error.what(), help};
  }
  if (auto wrong = contradiction(options, help)) return *wrong;
  return options;
}

std::string verb_name(Verb verb) {
  const auto* text = std::find_if(std::begin(kVerbs), std::end(kVerbs), [verb](const VerbText& v) { return v.verb == verb; });
  return text == std::end(kVerbs) ? "" : text->name;
}

Glimpse glimpse(int argc, const char* const* argv) {
  Glimpse seen;
  const std::vector<std::string> verbs = verb_names();
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--") break;
    if (word == "--json") seen.json = true;
    if (seen.verb.empty() && std::find(verbs.begin(), verbs.end(), word) != verbs.end()) seen.verb = word;
  }
  return seen;
}

bool needs_libtorch(const Options& options) {
  switch (options.verb) {
    case Verb::kInspect:
    case Verb::kLs:
    case Verb::kExplain:
      return false;
    case Verb::kDiff:
      return options.values;
    case Verb::kCheck:
    case Verb::kLoad:
    case Verb::kRun:
    case Verb::kConvert:
    case Verb::kBench:
      break;
  }
  return true;
}

std::optional<DType> dtype_option(const std::string& dtype) {
  if (dtype == "fp32") return DType::kF32;
  if (dtype == "fp16") return DType::kF16;
  if (dtype == "bf16") return DType::kBF16;
  return std::nullopt;
}

}  // namespace tenon::tools
