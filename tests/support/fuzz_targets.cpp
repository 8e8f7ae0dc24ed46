#include "tests/support/fuzz_targets.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "runtime/formats/container.h"
#include "runtime/formats/gguf.h"
#include "runtime/formats/index.h"
#include "runtime/formats/pickle_listing.h"
#include "runtime/formats/safetensors.h"
#include "runtime/formats/torch_legacy.h"
#include "runtime/formats/torch_zip.h"
#include "runtime/formats/zip_directory.h"
#include "tests/support/torch_bytes.h"

namespace tenon::test {
namespace {

__extension__ using Wide = unsigned __int128;

void require(bool held, const char* promise) {
  if (held) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

void check_error(const Error& error) {
  require(error.message.size() <= 512, "a message has at most 512 bytes");
  require(error.message.find(" [" + error.code + "]") != std::string::npos, "a message ends with its code");
  for (const char c : error.message) require(c >= 0x20 && c < 0x7f, "a message is one line of ASCII");
}

/// Every tensor lies inside its storage, and that inside the file, by 128-bit arithmetic.
void check_tensor(const TensorEntry& entry, std::uint64_t file_bytes) {
  require(Wide{entry.storage_offset} + entry.storage_bytes <= file_bytes, "a storage lies inside the file");
  if (!entry.foreign_type.empty()) return;
  Wide count = 1;
  Wide last = 0;
  for (std::size_t d = 0; d < entry.shape.size(); ++d) {
    require(entry.shape[d] >= 0, "sizes are not negative");
    count *= static_cast<Wide>(entry.shape[d]);
    if (!entry.strides.empty() && entry.shape[d] > 0) {
      last += static_cast<Wide>(entry.shape[d] - 1) * static_cast<Wide>(entry.strides[d]);
    }
  }
  if (count == 0) return;
  if (entry.strides.empty()) last = count - 1;
  const Wide bits = static_cast<unsigned>(dtype_bits(entry.dtype));
  require((count * bits + 7) / 8 == entry.bytes, "a tensor's bytes follow from its shape");
  require(entry.offset >= entry.storage_offset, "a view begins inside its storage");
  require(Wide{entry.offset} * 8 + (last + 1) * bits <= (Wide{entry.storage_offset} + entry.storage_bytes) * 8,
          "a view ends inside its storage");
}

void check_listing(const Result<formats::Listing>& listing, std::uint64_t file_bytes) {
  if (!listing) return check_error(listing.error());
  for (const TensorEntry& entry : listing->tensors) check_tensor(entry, file_bytes);
}

std::shared_ptr<ByteSource> source_of(std::string_view bytes) { return memory_source("fuzz.bin", std::string(bytes)); }

void fuzz_safetensors(std::string_view bytes) {
  const auto source = source_of(bytes);
  const auto listing = formats::read_safetensors(*source, {});
  check_listing(listing, bytes.size());
  if (!listing) return;
  Wide total = 0;
  for (const TensorEntry& entry : listing->tensors) total += entry.bytes;
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  require(total + 8 + header == bytes.size(), "the tensors cover the data exactly");
}

void fuzz_index(std::string_view bytes) {
  const auto index = formats::read_index(*source_of(bytes), {});
  if (!index) return check_error(index.error());
  for (const std::string& shard : index->shards) {
    const bool plain = !shard.empty() && shard != "." && shard != ".." && shard.find_first_of("/\\") == std::string::npos &&
                       shard.find('\0') == std::string::npos;
    require(plain, "a shard is a plain file name");
  }
}

void fuzz_zip(std::string_view bytes) {
  const auto directory = formats::read_zip_directory(*source_of(bytes), {});
  if (!directory) return check_error(directory.error());
  for (const formats::ZipEntry& a : directory->entries) {
    require(Wide{a.data} + a.stored <= bytes.size(), "an entry lies inside the file");
    for (const formats::ZipEntry& b : directory->entries) {
      require(&a == &b || a.data + a.stored <= b.header || b.data + b.stored <= a.header, "entries lie apart");
    }
  }
}

void fuzz_pickle(std::string_view bytes) {
  const Limits limits;
  const std::string file = "fuzz.bin";
  const formats::PickleSource where{.file = file, .member = "data.pkl", .limits = limits};
  formats::PickleGraph graph(bytes);
  const auto run = formats::run_pickle(bytes, where, graph);
  if (!run) return check_error(run.error());
  const formats::FindStorage anywhere = [](const formats::StorageInfo&) -> Result<formats::StoragePlace> {
    return formats::StoragePlace{};
  };
  check_listing(formats::list_pickle(run->root, graph, where, bytes.size(), std::uint64_t{1} << 62, anywhere, {}),
                ~std::uint64_t{0});
}

void fuzz_torch_zip(std::string_view bytes) {
  const std::string archive = torch_zip(std::string(bytes));
  const auto opened = formats::read_torch_zip(*memory_source("fuzz.bin", archive), {});
  if (!opened) return check_error(opened.error());
  for (const TensorEntry& entry : opened->listing.tensors) check_tensor(entry, archive.size());
}

void fuzz_legacy(std::string_view bytes) { check_listing(formats::read_torch_legacy(*source_of(bytes), {}), bytes.size()); }

void fuzz_gguf(std::string_view bytes) {
  if (bytes.size() < 4) return;
  check_listing(formats::read_gguf(*source_of(bytes), {}), bytes.size());
}

void fuzz_container(std::string_view bytes) {
  const auto opened = formats::read_container(*source_of(bytes), {});
  if (!opened) return check_error(opened.error());
  for (const TensorEntry& entry : opened->listing.tensors) check_tensor(entry, bytes.size());
}

/// numel() and byte_size() on any shape, against 128-bit arithmetic that stops at the first overflow.
void fuzz_view(std::string_view bytes) {
  if (bytes.empty()) return;
  const auto dtype = static_cast<DType>(static_cast<unsigned char>(bytes[0]) % (static_cast<unsigned>(DType::kQU2x4) + 1));
  Shape shape((bytes.size() - 1) / sizeof(std::int64_t));
  if (!shape.empty()) std::memcpy(shape.data(), bytes.data() + 1, shape.size() * sizeof(std::int64_t));
  constexpr Wide kMax = (Wide{1} << 63) - 1;
  Wide strides = 1;
  bool sound = true;
  bool empty = false;
  for (const std::int64_t dim : shape) {
    sound = sound && dim >= 0;
    empty = empty || dim == 0;
    if (sound && dim > 0) strides *= static_cast<Wide>(dim);
    sound = sound && strides <= kMax;
  }
  const Wide count = empty ? 0 : strides;
  const Wide size = (count * static_cast<unsigned>(dtype_bits(dtype)) + 7) / 8;
  const auto got = numel(shape);
  require(got.has_value() == sound && (!got || static_cast<Wide>(*got) == count), "numel() is exact");
  const auto got_bytes = byte_size(dtype, shape);
  const bool fits = sound && size <= kMax;
  require(got_bytes.has_value() == fits && (!got_bytes || static_cast<Wide>(*got_bytes) == size), "byte_size() is exact");
}

constexpr FuzzTarget kTargets[] = {
  {"safetensors", fuzz_safetensors},
  {"index", fuzz_index},
  {"zip", fuzz_zip},
  {"pickle", fuzz_pickle},
  {"torch_zip", fuzz_torch_zip},
  {"legacy", fuzz_legacy},
  {"gguf", fuzz_gguf},
  {"container", fuzz_container},
  {"view", fuzz_view},
};

}  // namespace

std::span<const FuzzTarget> fuzz_targets() { return kTargets; }

}  // namespace tenon::test
