// The byte-pair encoding of CLIP's text towers (Radford et al., 2021; Sennrich et al., 2016), equal to open_clip's SimpleTokenizer.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <tenon/error.h>

namespace tenon::tokenizer {

class ClipBpe {
 public:
  /// Reads a vocabulary in CLIP's format (`bpe_simple_vocab_16e6.txt`, also packed as `.gz`, or transformers' `merges.txt`): a header line, then
  /// two symbols a line, in merging order. Lines after the 48,894th merge are not read, as in every released model.
  /// Errors: BPE-READ (kNotFound, kIo), BPE-SIZE (kLimit), BPE-LINE (kMalformed).
  [[nodiscard]] static Result<ClipBpe> read(const std::string& path);

  /// Ids of a text without start and end. The marks `<start_of_text>` and `<end_of_text>` in it are their ids.
  /// BPE-UTF8 (kUsage) where the text is not UTF-8.
  [[nodiscard]] Result<std::vector<std::int64_t>> encode(std::string_view text) const;
  /// [context] ids: start, the text's ids, end, then `padding`. A text that is too long is cut; the end stays.
  [[nodiscard]] Result<std::vector<std::int64_t>> sequence(std::string_view text, std::size_t context, std::int64_t padding) const;

  [[nodiscard]] std::int64_t start() const { return size_ - 2; }
  [[nodiscard]] std::int64_t end() const { return size_ - 1; }

 private:
  using Pair = std::pair<std::int64_t, std::int64_t>;
  struct Merge {
    std::size_t rank;
    std::int64_t result;
  };
  void append_word(std::string_view bytes, std::vector<std::int64_t>& ids) const;

  std::map<Pair, Merge> merges_;
  std::int64_t size_ = 0;  // of the vocabulary, both marks included
};

}  // namespace tenon::tokenizer
