#include "tests/support/fuzz_targets.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "runtime/formats/container.h"
#include "runtime/formats/gguf.h"
#include "runtime/formats/index.h"
#include "runtime/formats/pickle_listing.h"
#include "runtime/formats/safetensors.h"
#include "runtime/formats/torch_legacy.h"
#include "runtime/formats/torch_tar.h"
#include "runtime/formats/torch_zip.h"
#include "runtime/formats/zip_directory.h"
#include "tests/support/fuzz_checks.h"
#include "tests/support/tar_bytes.h"
#include "tests/support/torch_bytes.h"

namespace tenon::test {
namespace {

__extension__ using Wide = unsigned __int128;

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

/// Two bytes each say how long the records of storages and of tensors are; the rest is the program.
void fuzz_torch_tar(std::string_view bytes) {
  if (bytes.size() < 4) return;
  const auto length = [&bytes](std::size_t at) -> std::size_t {
    return static_cast<unsigned char>(bytes[at]) | static_cast<unsigned char>(bytes[at + 1]) << 8;
  };
  const std::size_t storages = std::min(length(0), bytes.size() - 4);
  const std::size_t tensors = std::min(length(2), bytes.size() - 4 - storages);
  TorchTar parts;
  parts.storages = bytes.substr(4, storages);
  parts.tensors = bytes.substr(4 + storages, tensors);
  parts.pickle = bytes.substr(4 + storages + tensors);
  const std::string archive = parts.bytes();
  check_listing(formats::read_torch_tar(*source_of(archive), {}), archive.size());
}

void fuzz_tar(std::string_view bytes) { check_listing(formats::read_torch_tar(*source_of(bytes), {}), bytes.size()); }

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
  {"tar", fuzz_tar},
  {"torch_tar", fuzz_torch_tar},
  {"gguf", fuzz_gguf},
  {"container", fuzz_container},
  {"view", fuzz_view},
  {"policy", fuzz_policy},
  {"tables", fuzz_tables},
  {"config", fuzz_config},
  {"report", fuzz_report},
};

}  // namespace

std::span<const FuzzTarget> fuzz_targets() { return kTargets; }

}  // namespace tenon::test
