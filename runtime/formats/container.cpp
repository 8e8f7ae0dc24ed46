#include "runtime/formats/container.h"

#include "runtime/formats/gguf.h"
#include "runtime/formats/recognise.h"
#include "runtime/formats/safetensors.h"
#include "runtime/formats/torch_legacy.h"
#include "runtime/formats/torch_tar.h"
#include "runtime/formats/torch_zip.h"
#include "runtime/io/memory_guard.h"

namespace tenon::formats {
namespace {

Result<Opened> opened(Container container, Result<Listing>&& listing) {
  if (!listing) return Failure(listing.error());
  return Opened{container, std::move(*listing)};
}

Result<Opened> read_kind(Kind kind, const ByteSource& source, const Limits& limits) {
  switch (kind) {
    case Kind::kSafetensors:
      return opened(Container::kSafetensors, read_safetensors(source, limits));
    case Kind::kJson:
      return Opened{Container::kIndex, {}};
    case Kind::kZip:
      return read_torch_zip(source, limits);
    case Kind::kPickle:
      return opened(Container::kTorchLegacy, read_torch_legacy(source, limits));
    case Kind::kGguf:
      return opened(Container::kGguf, read_gguf(source, limits));
    case Kind::kTar:
      return opened(Container::kTorchTar, read_torch_tar(source, limits));
  }
  return Opened{};
}

}  // namespace

Result<Opened> read_container(const ByteSource& source, const Limits& limits) {
  return io::guard_memory(source.name(), [&]() -> Result<Opened> {
    const auto kind = recognise(source);
    if (!kind) return Failure(kind.error());
    auto result = read_kind(*kind, source, limits);
    if (!result) return result;
    if (const auto same = source.unchanged(); !same) return Failure(same.error());
    return result;
  });
}

}  // namespace tenon::formats
