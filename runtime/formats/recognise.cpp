#include "runtime/formats/recognise.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/io/read_all.h"
#include "runtime/io/text.h"

namespace tenon::formats {
namespace {

constexpr std::uint64_t kHeadBytes = 512;
constexpr std::uint64_t kEndRecordBytes = 22;
constexpr std::uint64_t kLargestHeader = 100'000'000;  // of safetensors, by its reference
constexpr std::uint64_t kMaxCommentBytes = 65'535;

using std::string_view_literals::operator""sv;

/// A container that tenon does not read.
struct Foreign {
  std::size_t at;
  std::string_view magic;
  std::string_view code;
  std::string_view what;
  std::string_view remedy;
};

constexpr std::string_view kDecompress = "Decompress it and give tenon the file inside.";
constexpr std::string_view kSaveFromFramework = "Load it with the framework that wrote it and save its weights as safetensors.";
constexpr std::string_view kDownloadAgain = "Download the file again by its direct link; a server sent this page in its place.";

constexpr Foreign kForeign[] = {
  {0, "version https://git-lfs"sv, "ST-LFS", "this is a Git LFS pointer, the weights were not downloaded",
   "git lfs pull"},
  {0, "\x1f\x8b"sv, "TS-GZIP", "looks like a gzip file", kDecompress},
  {0, "BZh"sv, "TS-ARCHIVE", "looks like a bzip2 file", kDecompress},
  {0, "\xfd"
      "7zXZ\0"sv,
   "TS-ARCHIVE", "looks like an xz file", kDecompress},
  {0, "\x28\xb5\x2f\xfd"sv, "TS-ARCHIVE", "looks like a zstd file", kDecompress},
  {0, "7z\xbc\xaf\x27\x1c"sv, "TS-ARCHIVE", "looks like a 7z archive", kDecompress},
  {0, "Rar!\x1a\x07"sv, "TS-ARCHIVE", "looks like a RAR archive", kDecompress},
  {0, "\x89HDF\r\n\x1a\n"sv, "TS-HDF5", "looks like an HDF5 file (Keras weights?)", kSaveFromFramework},
  {0, "\x93NUMPY"sv, "TS-NUMPY", "looks like a single NumPy array", kSaveFromFramework},
  {4, "TFL3"sv, "TS-TFLITE", "looks like a TensorFlow Lite model", kSaveFromFramework},
  {4, "ET12"sv, "TS-EXECUTORCH", "looks like an ExecuTorch program", kSaveFromFramework},
};

Failure foreign(const ByteSource& source, std::string_view head, const Foreign& kind) {
  const std::string found =
    std::to_string(source.size()) + " bytes beginning " + io::quoted(head.substr(0, 24)) + "; " + std::string(kind.what);
  return io::refuse(
    ErrorKind::kUnsupported, kind.code, {.file = source.name()}, found, "", std::string(kind.remedy));
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return out;
}

std::string_view without_leading_space(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string_view{} : text.substr(first);
}

bool is_html(std::string_view head) {
  const std::string text = lower(without_leading_space(head).substr(0, 32));
  return text.starts_with("<!doctype html") || text.starts_with("<html") || text.starts_with("<?xml");
}

/// An ONNX file is a protobuf: ir_version (field 1, a small number), then usually producer_name (field 2).
bool is_onnx(std::string_view head) {
  if (head.size() < 4 || head[0] != 0x08 || head[1] < 1 || head[1] > 20 || head[2] != 0x12) return false;
  const auto length = static_cast<unsigned char>(head[3]);
  if (length == 0 || length > 64 || head.size() < 4u + length) return false;
  return std::all_of(head.begin() + 4, head.begin() + 4 + length, [](char c) { return c >= 0x20 && c < 0x7f; });
}

/// MessagePack as libraries on JAX write a tree of weights: a map whose first key is a name, and behind it another map or an array.
bool is_message_pack(std::string_view head) {
  const auto byte = [&](std::size_t at) { return at < head.size() ? static_cast<unsigned char>(head[at]) : 0u; };
  const std::size_t key = byte(0) > 0x80 && byte(0) <= 0x8f ? 1 : byte(0) == 0xde ? 3 : 0;
  if (key == 0 || byte(key) <= 0xa0 || byte(key) > 0xbf) return false;
  const std::string_view name = head.substr(key + 1, byte(key) - 0xa0u);
  const unsigned next = byte(key + 1 + name.size());
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= 0x20 && c < 0x7f; }) &&
         ((next > 0x80 && next <= 0x8f) || next == 0xde || (next >= 0xc7 && next <= 0xc9));
}

bool is_text(std::string_view head, bool whole_file) {
  // The last sequence may be cut by the end of what was read.
  const auto invalid = io::find_invalid_utf8(head);
  if (invalid && (whole_file || head.size() - *invalid > 3)) return false;
  return std::all_of(head.begin(), head.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 ? c != 0x7f : c == '\t' || c == '\n' || c == '\r' || c == '\f';
  });
}

/// JSON, possibly malformed: what follows its bracket must be text, or it is the length of a safetensors header.
bool is_json(std::string_view head) {
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  head = without_leading_space(head);
  if (!head.starts_with('{') && !head.starts_with('[')) return false;
  const std::string_view start = head.substr(0, 16);
  return std::none_of(start.begin(), start.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
  });
}

bool is_tar(std::string_view head) {
  if (head.size() < kHeadBytes) return false;
  if (head.substr(257, 5) == "ustar") return true;
  unsigned sum = 0;
  for (std::size_t i = 0; i < head.size(); ++i) {
    sum += i >= 148 && i < 156 ? 0x20u : static_cast<unsigned char>(head[i]);
  }
  unsigned stated = 0;
  bool digits = false;
  for (const char c : head.substr(148, 8)) {
    if (c >= '0' && c <= '7') {
      stated = stated * 8 + static_cast<unsigned>(c - '0');
      digits = true;
    } else if (digits) {
      break;
    }
  }
  return digits && head[0] != '\0' && stated == sum;
}

bool is_pickle(std::string_view head) {
  return head.size() >= 2 && head[0] == '\x80' && static_cast<unsigned char>(head[1]) <= 10;
}

/// What the first eight bytes of a safetensors file say.
std::uint64_t header_length(std::string_view head) {
  std::uint64_t length = 0;
  for (std::size_t i = 8; i > 0; --i) length = (length << 8) | static_cast<unsigned char>(head[i - 1]);
  return length;
}

/// A small length and a brace behind it: a length such as 640 begins like a pickle, but no pickle goes on like this.
bool begins_like_safetensors(std::string_view head) {
  return head.size() > 8 && head[8] == '{' && header_length(head) <= kLargestHeader;
}

bool is_safetensors(std::string_view head, std::uint64_t size) {
  if (size < 10) return true;  // its reader says how much is missing
  const std::uint64_t length = header_length(head);
  return length <= kLargestHeader || length <= size - 8 || head[8] == '{';
}

/// An archive with something before its first entry has its end record all the same.
Result<bool> ends_like_zip(const ByteSource& source) {
  const std::uint64_t length = std::min<std::uint64_t>(source.size(), kEndRecordBytes + kMaxCommentBytes);
  const auto tail = io::read_range(source, source.size() - length, length);
  if (!tail) return Failure(tail.error());
  for (std::size_t at = tail->rfind("PK\5\6"); at != std::string::npos; at = tail->rfind("PK\5\6", at - 1)) {
    if (tail->size() - at >= kEndRecordBytes) return true;
    if (at == 0) break;
  }
  return false;
}

}  // namespace

Result<Kind> recognise(const ByteSource& source) {
  const std::uint64_t size = source.size();
  const auto bytes = io::read_range(source, 0, std::min(size, kHeadBytes));
  if (!bytes) return Failure(bytes.error());
  const std::string_view head = *bytes;
  if (size >= kHeadBytes && head.find_first_not_of('\0') == std::string_view::npos) {
    return foreign(source, head, {0, "", "TS-ZEROS", "it begins with zero bytes only: damaged, or never written", ""});
  }
  if (begins_like_safetensors(head)) return Kind::kSafetensors;
  if (head.starts_with("PK\3\4") || head.starts_with("PK\5\6") || head.starts_with("PK\7\10")) return Kind::kZip;
  if (head.starts_with("GGUF")) return Kind::kGguf;
  for (const Foreign& kind : kForeign) {
    if (head.size() > kind.at && head.substr(kind.at).starts_with(kind.magic)) return foreign(source, head, kind);
  }
  if (is_html(head)) {
    return foreign(source, head, {0, "", "ST-HTML", "looks like an HTML page, not a checkpoint", kDownloadAgain});
  }
  if (is_onnx(head)) {
    return foreign(source, head, {0, "", "TS-ONNX", "looks like an ONNX model", kSaveFromFramework});
  }
  if (is_message_pack(head)) {
    return foreign(source, head, {0, "", "TS-MSGPACK", "looks like MessagePack (weights saved from JAX?)", kSaveFromFramework});
  }
  if (is_pickle(head)) return Kind::kPickle;
  if (is_tar(head)) return Kind::kTar;
  if (is_json(head)) return Kind::kJson;
  if (size > 1 && is_text(head, size <= kHeadBytes)) {
    return foreign(source, head, {0, "", "TS-TEXT", "this is a text file, not a checkpoint",
                                  "Download the file again by its direct link; what was saved is not the weights."});
  }
  if (is_safetensors(head, size)) return Kind::kSafetensors;
  const auto zip = ends_like_zip(source);
  if (!zip) return Failure(zip.error());
  if (*zip) return Kind::kZip;
  return foreign(source, head, {0, "", "TS-UNKNOWN", "no known checkpoint container", "Give a safetensors or torch.save file."});
}

}  // namespace tenon::formats
