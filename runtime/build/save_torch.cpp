// A torch.save file, written by LibTorch's own archive writer and pickler.
#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/core/Dict.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>
#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/pickler.h>

#include "runtime/build/progress.h"
#include "runtime/build/read_back.h"
#include "runtime/build/save.h"
#include "runtime/io/output_file.h"
#include "runtime/io/text.h"

namespace tenon::loading {
namespace {

using NameAndTensor = std::pair<std::string, at::Tensor>;
using Dict = c10::impl::GenericDict;

Dict new_dict() { return Dict(c10::StringType::get(), c10::AnyType::get()); }

/// A storage that holds this tensor and nothing else: a view would drag all that it is a view of into the file.
at::Tensor alone(const at::Tensor& tensor) {
  const at::Tensor host = tensor.to(at::kCPU).contiguous();
  return host.storage_offset() == 0 && host.storage().nbytes() == host.nbytes() ? host : host.clone();
}

Result<std::vector<NameAndTensor>> produce_all(const std::string& path,
                                               const std::vector<TensorToSave>& tensors,
                                               const ProduceTensor& produce) {
  std::vector<NameAndTensor> all;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (io::find_invalid_utf8(tensors[i].name)) {
      return io::refuse(ErrorKind::kUsage, "TN-SAVE-NAME", {.file = path, .tensor = tensors[i].name}, "a name that is not UTF-8",
                        "names of a state dict are UTF-8");
    }
    auto tensor = produce(i);
    if (!tensor) return tl::unexpected(tensor.error());
    all.emplace_back(tensors[i].name, alone(*tensor));
  }
  return all;
}

Dict to_dict(const std::vector<NameAndTensor>& tensors, const std::vector<std::string>& nested) {
  Dict top = new_dict();
  std::vector<bool> placed(tensors.size(), false);
  for (const std::string& key : nested) {
    const std::string level = key + '.';
    Dict inner = new_dict();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (!tensors[i].first.starts_with(level)) continue;
      inner.insert(tensors[i].first.substr(level.size()), tensors[i].second);
      placed[i] = true;
    }
    if (!inner.empty()) top.insert(key, inner);
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!placed[i]) top.insert(tensors[i].first, tensors[i].second);
  }
  return top;
}

/// LibTorch's writer knows no failure but its own: the first of the file's is kept and told afterwards.
class Archive {
 public:
  explicit Archive(io::OutputFile& file)
      : file_(file), writer_([this](const void* bytes, std::size_t count) { return append(bytes, count); }) {}

  void record(const std::string& name, const void* bytes, std::size_t count) { writer_.writeRecord(name, bytes, count); }
  Result<void> finish() {
    writer_.writeEndOfFile();
    return written_;
  }
  [[nodiscard]] const Result<void>& written() const { return written_; }

 private:
  std::size_t append(const void* bytes, std::size_t count) {
    if (written_) written_ = file_.write(std::span(static_cast<const std::byte*>(bytes), count));
    return count;
  }

  io::OutputFile& file_;
  Result<void> written_;
  caffe2::serialize::PyTorchStreamWriter writer_;
};

Result<void> write_archive(io::OutputFile& file, const Dict& dict, const Progress& progress) {
  std::string pickle;
  torch::jit::Pickler pickler([&pickle](const char* bytes, std::size_t count) { pickle.append(bytes, count); },
                              /*tensor_table=*/nullptr, /*type_renamer=*/nullptr, /*memoized_class_types=*/nullptr,
                              /*get_tensor_id=*/nullptr, /*tag_aggregates=*/false);
  pickler.protocol();
  pickler.pushIValue(dict);
  pickler.stop();

  Archive archive(file);
  archive.record("data.pkl", pickle.data(), pickle.size());
  std::uint64_t total = 0;
  for (const at::Tensor& tensor : pickler.tensorData()) total += tensor.nbytes();
  std::uint64_t done = 0;
  std::size_t number = 0;
  for (const at::Tensor& tensor : pickler.tensorData()) {
    archive.record("data/" + std::to_string(number++), tensor.const_data_ptr(), tensor.nbytes());
    done += tensor.nbytes();
    if (!archive.written()) return archive.written();
    if (auto going = progress.report("write", done, total); !going) return going;
  }
  return archive.finish();
}

}  // namespace

Result<void> save_torch(const std::string& path,
                        const std::vector<TensorToSave>& tensors,
                        const ProduceTensor& produce,
                        const std::vector<std::string>& nested,
                        const ProgressFunction& progress) {
  const auto all = produce_all(path, tensors, produce);
  if (!all) return tl::unexpected(all.error());
  auto file = io::OutputFile::create(path);
  if (!file) return tl::unexpected(file.error());
  if (auto written = write_archive(*file, to_dict(*all, nested), Progress(progress)); !written) return written;
  const auto held = [&](std::size_t index) -> Result<at::Tensor> { return (*all)[index].second; };
  if (auto same = comes_back(file->temporary_path(), path, tensors, held); !same) return same;
  return file->commit();
}

bool asks_for_torch(const std::string& path) {
  static constexpr std::array<std::string_view, 4> kExtensions{".bin", ".pt", ".pth", ".ckpt"};
  const std::string extension = std::filesystem::path(path).extension().string();
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

}  // namespace tenon::loading
