#include "runtime/build/save.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string_view>

#include <nlohmann/json.hpp>

#include <tenon/nn/spec_of.h>

#include "runtime/build/progress.h"
#include "runtime/build/read_back.h"
#include "runtime/io/output_file.h"
#include "runtime/io/text.h"

namespace tenon::loading {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors holds little-endian data");

constexpr std::size_t kWriteBytes = std::size_t{16} << 20;

// Indices in file order: wide elements first, so that every tensor is aligned, then by name.
std::vector<std::size_t> file_order(const std::vector<TensorToSave>& tensors) {
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&tensors](std::size_t a, std::size_t b) {
    const int wide_a = dtype_bits(tensors[a].type.dtype);
    const int wide_b = dtype_bits(tensors[b].type.dtype);
    return wide_a != wide_b ? wide_a > wide_b : tensors[a].name < tensors[b].name;
  });
  return order;
}

Result<std::uint64_t> stored_bytes(const std::string& path, const TensorToSave& tensor) {
  const io::Place place{.file = path, .tensor = tensor.name};
  if (io::find_invalid_utf8(tensor.name)) {
    return io::refuse(ErrorKind::kUsage, "TN-SAVE-NAME", place, "a name that is not UTF-8",
                      "safetensors names are UTF-8");
  }
  const auto bytes = byte_size(tensor.type.dtype, tensor.type.shape);
  if (!bytes || !dtype_from_safetensors(dtype_name(tensor.type.dtype))) {
    return io::refuse(ErrorKind::kUsage, "TN-SAVE-DTYPE", place,
                      std::string(dtype_name(tensor.type.dtype)) + ' ' + to_string(tensor.type.shape),
                      "safetensors has no such tensor");
  }
  return static_cast<std::uint64_t>(*bytes);
}

Result<std::string> make_header(const std::string& path,
                                const std::vector<TensorToSave>& tensors,
                                const std::vector<std::size_t>& order,
                                const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (!metadata.empty()) json["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const std::size_t index : order) {
    const TensorToSave& tensor = tensors[index];
    const auto bytes = stored_bytes(path, tensor);
    if (!bytes) return tl::unexpected(bytes.error());
    json[tensor.name] = {{"dtype", dtype_name(tensor.type.dtype)},
                         {"shape", tensor.type.shape},
                         {"data_offsets", {offset, offset + *bytes}}};
    offset += *bytes;
  }
  std::string text = json.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

Result<void> write_tensor(io::OutputFile& file, const at::Tensor& tensor, std::uint64_t& done, std::uint64_t total,
                          const Progress& progress) {
  const at::Tensor host = tensor.to(at::kCPU).contiguous();
  std::span<const std::byte> bytes(static_cast<const std::byte*>(host.const_data_ptr()), host.nbytes());
  while (!bytes.empty()) {
    const auto chunk = bytes.first(std::min(kWriteBytes, bytes.size()));
    if (auto ok = file.write(chunk); !ok) return ok;
    bytes = bytes.subspan(chunk.size());
    done += chunk.size();
    if (auto ok = progress.report("write", done, total); !ok) return ok;
  }
  return {};
}

}  // namespace

Result<void> save_safetensors(const std::string& path,
                              const std::vector<TensorToSave>& tensors,
                              const ProduceTensor& produce,
                              const std::map<std::string, std::string>& metadata,
                              const ProgressFunction& progress_function) {
  const std::vector<std::size_t> order = file_order(tensors);
  const auto header = make_header(path, tensors, order, metadata);
  if (!header) return tl::unexpected(header.error());
  auto file = io::OutputFile::create(path);
  if (!file) return tl::unexpected(file.error());

  const auto length = static_cast<std::uint64_t>(header->size());
  if (auto ok = file->write(std::as_bytes(std::span(&length, 1))); !ok) return ok;
  if (auto ok = file->write(*header); !ok) return ok;
  const Progress progress(progress_function);
  std::uint64_t total = 0;
  for (const TensorToSave& tensor : tensors) {
    total += static_cast<std::uint64_t>(*byte_size(tensor.type.dtype, tensor.type.shape));
  }
  std::uint64_t done = 0;
  for (const std::size_t index : order) {
    auto tensor = produce(index);
    if (!tensor) return tl::unexpected(tensor.error());
    if (auto ok = write_tensor(*file, *tensor, done, total, progress); !ok) return ok;
  }
  if (auto same = comes_back(file->temporary_path(), path, tensors, produce); !same) return same;
  return file->commit();
}

Result<void> save_safetensors(const std::string& path,
                              const NamedTensors& tensors,
                              const ProgressFunction& progress) {
  std::vector<TensorToSave> list;
  std::vector<at::Tensor> values;
  for (const auto& [name, tensor] : tensors) {
    list.push_back({name, {dtype_of(tensor.scalar_type()), tensor.sizes().vec()}});
    values.push_back(tensor);
  }
  return save_safetensors(path, list, [&values](std::size_t index) -> Result<at::Tensor> { return values[index]; }, {},
                          progress);
}

}  // namespace tenon::loading
