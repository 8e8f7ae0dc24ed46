// Stage "open": one immutable listing over one file or many. Reads no tensor bytes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/byte_source.h>
#include <tenon/dtype.h>
#include <tenon/limits.h>
#include <tenon/shape.h>

namespace [[gnu::visibility("default")]] tenon {

enum class Container {
  kSafetensors,
  kTorchZip,
  kTorchLegacy,
  kTorchTar,
  kTorchScript,
  kGguf,
  kIndex,
  kDirectory,
};
/// The name used in JSON: "safetensors", "torch-zip", ...
[[nodiscard]] std::string_view container_name(Container container);

/// One tensor as the file lists it. Its bytes lie in `files[file]`; nothing is ever decompressed.
struct TensorEntry {
  std::string name;  // nested dicts and lists joined by dots
  DType dtype = DType::kF32;
  Shape shape;
  /// In elements; empty means contiguous (row-major).
  std::vector<std::int64_t> strides;
  std::uint32_t file = 0;
  /// First byte of element 0, from the start of the file.
  std::uint64_t offset = 0;
  /// Logical bytes (numel * element size), rounded up.
  std::uint64_t bytes = 0;
  /// The storage this tensor is a view of (unique within the checkpoint); entries with equal storage may alias.
  std::uint64_t storage = 0;
  std::uint64_t storage_offset = 0;  // first byte of that storage in the file
  std::uint64_t storage_bytes = 0;
  /// CRC-32 of the storage's record where the container carries one (zip), checked by `--verify`.
  std::uint32_t storage_crc32 = 0;
  bool has_crc32 = false;
  /// The file holds each number's bytes in big-endian order; read_tensor() gives them in the host's.
  bool big_endian = false;
  bool requires_grad = false;
  /// GGML's own type where the container is GGUF and `dtype` cannot express it; then the tensor is listed, never bound.
  std::string foreign_type;
};

struct CheckpointFile {
  std::string path;  // as reported to the user
  std::uint64_t bytes = 0;
  Container container = Container::kSafetensors;
  std::shared_ptr<ByteSource> source;
};

/// What a pickle holds beside tensors: inert, never built.
struct InertObject {
  std::string path;
  std::string kind;  // "int", "str", "global torch.optim.adamw.AdamW", ...
  std::string text;  // short scalars (int, float, bool, str up to 64 bytes) as text, else empty
};

/// A native configuration found beside or inside the checkpoint: text and where it came from.
struct ConfigText {
  std::string path;
  std::string text;
};

/// Something odd in a container that is accepted and said: an unknown member, a directory entry, a missing checksum.
struct ContainerNote {
  std::string code;  // "ST-MEMBER", "ZP-NOCRC", ...
  std::string message;
};

class Checkpoint {
 public:
  std::string path;      // as given, without "::part"
  Container container = Container::kSafetensors;
  std::vector<CheckpointFile> files;
  std::vector<TensorEntry> tensors;  // sorted by the bytes of their names, names unique
  std::vector<InertObject> objects;
  std::vector<ContainerNote> notes;
  std::map<std::string, std::string> metadata;  // safetensors __metadata__, GGUF scalars
  /// Sibling configs that may be used (interface section 1): stem matches, or the file is the only checkpoint there.
  std::vector<ConfigText> configs;
  /// Tensor name prefixes that come from folder names of a diffusers-style directory ("unet/" gives part "unet").
  std::vector<std::string> folder_parts;

  [[nodiscard]] const TensorEntry* find(std::string_view name) const;  // binary search
  /// Sum of the tensors' logical bytes.
  [[nodiscard]] std::uint64_t total_bytes() const;
};

/// Opens any checkpoint. `path` is a file, a sharded index or a directory; the container is recognised by content.
/// Errors carry the codes of the conformance tables (ST-, IX-, ZP-, PK-, LG-, TS-, IO-).
[[nodiscard]] Result<std::shared_ptr<const Checkpoint>> open_checkpoint(const std::string& path,
                                                                        const Limits& limits = {});

/// Splits "CKPT::part" at the last "::" unless the whole path exists.
struct CheckpointArgument {
  std::string path;
  std::string part;  // empty: none named
};
[[nodiscard]] CheckpointArgument split_argument(const std::string& argument);

/// Reads the bytes of a tensor, gathering strides, into `out` (entry.bytes long, row-major). Bounded memory.
[[nodiscard]] Result<void> read_tensor(const Checkpoint& checkpoint,
                                       const TensorEntry& entry,
                                       std::span<std::byte> out);

}  // namespace tenon
