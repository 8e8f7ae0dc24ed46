#include "tests/support/lists.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tests/support/paths.h"

namespace tenon::test {
namespace {

std::ifstream open_list_file(std::string_view file) {
  std::ifstream stream(source_dir() / "tests" / "lists" / file);
  if (!stream) throw std::runtime_error("no list " + std::string(file));
  return stream;
}

Shape parse_shape(const std::string& text) {
  Shape shape;
  std::istringstream stream(text);
  for (std::string dim; std::getline(stream, dim, ',');) shape.push_back(std::stoll(dim));
  return shape;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const ListCase& item) { return out << item.file; }

std::vector<ListCase> list_cases(std::string_view folder) {
  auto stream = open_list_file("index.json");
  const auto index = nlohmann::json::parse(stream);
  std::vector<ListCase> cases;
  for (const auto& entry : index.at("lists")) {
    auto file = entry.at("file").get<std::string>();
    if (file.starts_with(folder)) cases.push_back({std::move(file), entry.at("inspect"), entry.value("native", nlohmann::json())});
  }
  return cases;
}

std::shared_ptr<Checkpoint> make_checkpoint(const std::vector<Placeholder>& tensors) {
  auto checkpoint = std::make_shared<Checkpoint>();
  checkpoint->files.emplace_back();
  for (const Placeholder& tensor : tensors) {
    TensorEntry entry;
    entry.name = tensor.name;
    entry.dtype = tensor.dtype;
    entry.shape = tensor.shape;
    entry.bytes = static_cast<std::uint64_t>(byte_size(tensor.dtype, tensor.shape).value_or(0));
    checkpoint->tensors.push_back(std::move(entry));
  }
  std::sort(checkpoint->tensors.begin(), checkpoint->tensors.end(), [](const TensorEntry& a, const TensorEntry& b) { return a.name < b.name; });
  return checkpoint;
}

std::vector<Placeholder> read_list(std::string_view file, std::string_view prefix) {
  auto stream = open_list_file(file);
  std::vector<Placeholder> tensors;
  for (std::string line; std::getline(stream, line);) {
    const auto first = line.find('\t');
    const auto second = line.find('\t', first + 1);
    const auto dtype = dtype_from_safetensors(line.substr(first + 1, second - first - 1));
    if (!dtype) throw std::runtime_error("bad line in " + std::string(file) + ": " + line);
    tensors.push_back({std::string(prefix) + line.substr(0, first), parse_shape(line.substr(second + 1)), *dtype});
  }
  return tensors;
}

}  // namespace tenon::test
