// clip-tokens: texts, one a line, become the `input_ids` that `tenon run` takes.
#include <cstdint>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "runtime/io/output_file.h"
#include "tools/common/exit_code.h"
#include "tools/tokenizer/clip_bpe.h"

namespace {

using Ids = std::vector<std::int64_t>;

struct Options {
  std::string vocabulary;
  std::string output;
  std::size_t context = 77;
  std::int64_t padding = 0;
};

tenon::Result<std::vector<Ids>> read_texts(const Options& options) {
  const auto bpe = tenon::tokenizer::ClipBpe::read(options.vocabulary);
  if (!bpe) return tenon::Failure(bpe.error());
  std::vector<Ids> rows;
  for (std::string line; std::getline(std::cin, line);) {
    auto ids = options.output.empty() ? bpe->encode(line) : bpe->sequence(line, options.context, options.padding);
    if (!ids) return tenon::Failure(ids.error());
    rows.push_back(std::move(*ids));
  }
  return rows;
}

void print(const std::vector<Ids>& rows) {
  for (const auto& ids : rows) {
    for (std::size_t i = 0; i < ids.size(); ++i) std::cout << (i == 0 ? "" : " ") << ids[i];
    std::cout << '\n';
  }
}

/// One tensor `input_ids` [texts, context], int64.
tenon::Result<void> write(const Options& options, const std::vector<Ids>& rows) {
  const std::size_t bytes = rows.size() * options.context * sizeof(std::int64_t);
  std::string header = R"({"input_ids":{"dtype":"I64","shape":[)" + std::to_string(rows.size()) + "," +
                       std::to_string(options.context) + R"(],"data_offsets":[0,)" + std::to_string(bytes) + "]}}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = header.size();
  auto file = tenon::io::OutputFile::create(options.output);
  if (!file) return tenon::Failure(file.error());
  auto done = file->write(std::string_view(reinterpret_cast<const char*>(&length), sizeof(length)));
  if (done) done = file->write(header);
  for (const auto& ids : rows) {
    if (done) done = file->write(std::as_bytes(std::span(ids)));
  }
  return done ? file->commit() : done;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Turns texts, one a line on standard input, into the ids of a CLIP vocabulary.\n"
               "Example: clip-tokens merges.txt -o ids.safetensors < captions.txt");
  app.add_option("VOCABULARY", options.vocabulary, "bpe_simple_vocab_16e6.txt, the same packed (.gz), or a merges.txt")->required();
  app.add_option("-o,--output", options.output,
                 "writes input_ids [texts, context] with start and end as safetensors; without it ids are printed, bare");
  app.add_option("--context", options.context, "ids a text is padded or cut to")->check(CLI::Range(2, 1 << 20))->capture_default_str();
  app.add_option("--padding", options.padding, "id after the end: 0 in open_clip, 49407 in transformers' CLIP-L")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? tenon::tools::kDone : tenon::tools::kUsageCode;
  }
  const auto rows = read_texts(options);
  tenon::Result<void> done;
  if (!rows) {
    done = tenon::Failure(rows.error());
  } else if (options.output.empty()) {
    print(*rows);
  } else {
    done = write(options, *rows);
  }
  if (done) return tenon::tools::kDone;
  std::cerr << done.error() << '\n';
  return tenon::tools::exit_code(done.error().kind);
}
