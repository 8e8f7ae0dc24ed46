#include "tools/tokenizer/clip_bpe.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>

#include <unicode/regex.h>
#include <zlib.h>

#include "runtime/io/text.h"
#include "tools/tokenizer/clean.h"

namespace tenon::tokenizer {
namespace {

constexpr std::size_t kMergesRead = 49152 - 256 - 2;
constexpr std::size_t kFileLimit = std::size_t{64} << 20;
constexpr std::int64_t kBytes = 256;
constexpr std::string_view kStart = "<start_of_text>";
constexpr std::string_view kEnd = "<end_of_text>";

Result<std::string> read_unpacked(const std::string& path) {
  errno = 0;
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file) {
    const auto kind = errno == ENOENT ? ErrorKind::kNotFound : ErrorKind::kIo;
    return io::refuse(kind, "BPE-READ", {.file = path}, std::strerror(errno), "a vocabulary must be readable");
  }
  std::string text;
  std::array<char, 1 << 16> chunk;
  int count = 0;
  while ((count = gzread(file.get(), chunk.data(), static_cast<unsigned>(chunk.size()))) > 0) {
    text.append(chunk.data(), static_cast<std::size_t>(count));
    if (text.size() > kFileLimit) {
      return io::refuse(ErrorKind::kLimit, "BPE-SIZE", {.file = path}, "over 64 MiB", "CLIP's vocabulary has 3 MB");
    }
  }
  if (count < 0) return io::refuse(ErrorKind::kIo, "BPE-READ", {.file = path}, "cannot be read or unpacked", "text or gzip");
  return text;
}

/// Bytes in the order of their ids: those that print in Latin-1 come first.
const std::array<std::uint8_t, kBytes>& byte_order() {
  static const auto order = [] {
    const auto prints = [](int b) { return (b >= '!' && b <= '~') || (b >= 0xa1 && b != 0xad); };
    std::array<std::uint8_t, kBytes> bytes{};
    std::size_t next = 0;
    for (const bool wanted : {true, false}) {
      for (int b = 0; b < kBytes; ++b) {
        if (prints(b) == wanted) bytes[next++] = static_cast<std::uint8_t>(b);
      }
    }
    return bytes;
  }();
  return order;
}

const std::array<std::int64_t, kBytes>& id_of_byte() {
  static const auto ids = [] {
    std::array<std::int64_t, kBytes> result{};
    for (std::size_t i = 0; i < byte_order().size(); ++i) result[byte_order()[i]] = static_cast<std::int64_t>(i);
    return result;
  }();
  return ids;
}

/// How a vocabulary spells the byte with this id: as itself, or from U+0100 on where it does not print.
std::string spelling(std::size_t id) {
  constexpr std::size_t kPrinting = 188;
  const UChar32 code_point = id < kPrinting ? byte_order()[id] : static_cast<UChar32>(0x100 + id - kPrinting);
  std::string text;
  icu::UnicodeString(code_point).toUTF8String(text);
  return text;
}

using Symbols = std::unordered_map<std::string, std::int64_t>;

Symbols byte_symbols() {
  Symbols symbols;
  for (std::size_t id = 0; id < kBytes; ++id) {
    symbols[spelling(id)] = static_cast<std::int64_t>(id);
    symbols[spelling(id) + "</w>"] = static_cast<std::int64_t>(id) + kBytes;
  }
  return symbols;
}

using Spelled = std::pair<std::string, std::string>;

/// The merges of a vocabulary's lines, each of two symbols that are known by then.
Result<std::vector<Spelled>> read_merges(const std::string& path, std::string_view text, Symbols& symbols) {
  std::vector<Spelled> merges;
  std::size_t at = std::min(text.find('\n'), text.size() - 1) + 1;  // after the header
  while (at < text.size() && merges.size() < kMergesRead) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    at = end + 1;
    const std::size_t space = line.find(' ');
    Spelled merge;
    if (space != std::string_view::npos) merge = {std::string(line.substr(0, space)), std::string(line.substr(space + 1))};
    if (!symbols.contains(merge.first) || !symbols.contains(merge.second)) {
      return io::refuse(ErrorKind::kMalformed, "BPE-LINE", {.file = path},
                        "line " + std::to_string(merges.size() + 2) + " is " + io::quoted(line),
                        "a merge is two symbols of the vocabulary with a space between");
    }
    // Where two merges spell the same symbol the later id counts.
    symbols[merge.first + merge.second] = 2 * kBytes + static_cast<std::int64_t>(merges.size());
    merges.push_back(std::move(merge));
  }
  return merges;
}

const icu::RegexPattern& word_pattern() {
  static const std::unique_ptr<icu::RegexPattern> pattern = [] {
    constexpr char16_t kWords[] =
        uR"((?i:<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d)|\p{L}+|\p{N}|[^\p{White_Space}\p{L}\p{N}]+)";
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<icu::RegexPattern> made(icu::RegexPattern::compile(kWords, 0, status));
    if (U_FAILURE(status)) throw std::logic_error(std::string("the word pattern does not compile: ") + u_errorName(status));
    return made;
  }();
  return *pattern;
}

std::vector<std::string> words(const std::string& text) {
  UErrorCode status = U_ZERO_ERROR;
  const auto wide = icu::UnicodeString::fromUTF8(text);
  const std::unique_ptr<icu::RegexMatcher> matcher(word_pattern().matcher(wide, status));
  std::vector<std::string> found;
  while (matcher->find(status)) matcher->group(status).toUTF8String(found.emplace_back());
  if (U_FAILURE(status)) throw std::runtime_error(std::string("cannot split a text into words: ") + u_errorName(status));
  return found;
}

}  // namespace

Result<ClipBpe> ClipBpe::read(const std::string& path) {
  const auto text = read_unpacked(path);
  if (!text) return Failure(text.error());
  if (text->empty()) return io::refuse(ErrorKind::kMalformed, "BPE-LINE", {.file = path}, "empty", "a header line and merges");
  Symbols symbols = byte_symbols();
  const auto merges = read_merges(path, *text, symbols);
  if (!merges) return Failure(merges.error());
  ClipBpe bpe;
  bpe.size_ = 2 * kBytes + static_cast<std::int64_t>(merges->size()) + 2;
  for (std::size_t rank = 0; rank < merges->size(); ++rank) {
    const auto& [first, second] = (*merges)[rank];
    bpe.merges_[{symbols.at(first), symbols.at(second)}] = {rank, symbols.at(first + second)};
  }
  return bpe;
}

void ClipBpe::append_word(std::string_view bytes, std::vector<std::int64_t>& ids) const {
  std::vector<std::int64_t> word;
  for (const char byte : bytes) word.push_back(id_of_byte()[static_cast<std::uint8_t>(byte)]);
  word.back() += kBytes;  // the form that ends a word
  while (word.size() > 1) {
    auto best = merges_.end();
    for (std::size_t i = 0; i + 1 < word.size(); ++i) {
      const auto merge = merges_.find({word[i], word[i + 1]});
      if (merge != merges_.end() && (best == merges_.end() || merge->second.rank < best->second.rank)) best = merge;
    }
    if (best == merges_.end()) break;
    std::vector<std::int64_t> merged;
    for (std::size_t i = 0; i < word.size(); ++i) {
      const bool here = i + 1 < word.size() && Pair{word[i], word[i + 1]} == best->first;
      merged.push_back(here ? best->second.result : word[i]);
      if (here) ++i;
    }
    word = std::move(merged);
  }
  ids.insert(ids.end(), word.begin(), word.end());
}

Result<std::vector<std::int64_t>> ClipBpe::encode(std::string_view text) const {
  if (const auto byte = io::find_invalid_utf8(text)) {
    return io::refuse(ErrorKind::kUsage, "BPE-UTF8", {.file = "text", .byte = *byte}, io::quoted(text), "texts are UTF-8");
  }
  std::vector<std::int64_t> ids;
  for (const auto& word : words(cleaned(text))) {
    if (word == kStart) {
      ids.push_back(start());
    } else if (word == kEnd) {
      ids.push_back(end());
    } else {
      append_word(word, ids);
    }
  }
  return ids;
}

Result<std::vector<std::int64_t>> ClipBpe::sequence(std::string_view text, std::size_t context, std::int64_t padding) const {
  auto ids = encode(text);
  if (!ids) return ids;
  ids->insert(ids->begin(), start());
  ids->push_back(end());
  if (ids->size() > context) ids->at(context - 1) = end();
  ids->resize(context, padding);
  return ids;
}

}  // namespace tenon::tokenizer
