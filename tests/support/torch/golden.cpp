#include "tests/support/torch/golden.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <limits>
#include <span>
#include <sstream>
#include <stdexcept>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <nlohmann/json.hpp>

#include <tenon/checkpoint.h>
#include <tenon/load.h>
#include <tenon/nn/spec_of.h>

#include "tests/support/paths.h"
#include "tests/support/temp_dir.h"

namespace tenon::test {
namespace {

using Json = nlohmann::ordered_json;

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Config config_of(const Json& json) {
  Config config;
  for (const auto& [key, value] : json.items()) {
    config.set(key, parse_value(value.is_string() ? value.get<std::string>() : value.dump()), ConfigOrigin::kSet);
  }
  return config;
}

}  // namespace

const FamilyModule& family_module(const std::string& name) {
  for (const auto& family : builtin_family_modules()) {
    if (family.name == name) return family;
  }
  throw std::runtime_error("no family " + name);
}

std::filesystem::path golden_folder(const std::string& family, const std::string& name) {
  return source_dir() / "tests/golden" / family / name;
}

NamedTensors read_tensors(const std::filesystem::path& path) {
  const auto checkpoint = open_checkpoint(path.string());
  if (!checkpoint) throw std::runtime_error(checkpoint.error().message);
  NamedTensors tensors;
  for (const auto& entry : (*checkpoint)->tensors) {
    auto tensor = at::empty(entry.shape, at::TensorOptions().dtype(scalar_type_of(entry.dtype)));
    const auto read = read_tensor(**checkpoint, entry, {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()});
    if (!read) throw std::runtime_error(read.error().message);
    tensors.emplace(entry.name, tensor);
  }
  return tensors;
}

std::vector<std::string> golden_names(const std::string& family) {
  std::vector<std::string> names;
  const auto folder = source_dir() / "tests/golden" / family;
  for (const auto& item : std::filesystem::directory_iterator(folder)) {
    if (std::filesystem::exists(item.path() / "golden.json")) names.push_back(item.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Golden::Golden(const std::string& family, const std::string& name)
    : family_(family), folder_(golden_folder(family, name)) {
  const auto json = Json::parse(read_text(folder_ / "golden.json"));
  tolerance_ = json.at("tolerance").get<double>();
  set_ = config_of(json.value("set", Json::object()));
  const auto run = config_of(json.value("run", Json::object()));
  for (const auto& item : run.items()) set_.set(item.key, item.value, item.origin);
  for (const auto& recipe : json.value("mutants", Json::array())) {
    Mutant mutant{recipe.at("name").get<std::string>(), config_of(recipe.value("set", Json::object())), {}};
    for (const auto& pair : recipe.value("swap", Json::array())) {
      mutant.swap.emplace_back(pair.at(0).get<std::string>(), pair.at(1).get<std::string>());
    }
    if (!mutant.set.items().empty() || !mutant.swap.empty()) mutants_.push_back(std::move(mutant));
  }
}

std::vector<Golden::Mutant> Golden::mutants() const { return mutants_; }

Result<NamedTensors> Golden::run(const std::filesystem::path& checkpoint, const Config& set, c10::Device device) const {
  LoadOptions options;
  options.device = device;
  options.dtype = DType::kF32;
  options.set = set;
  const auto loaded = load_any(checkpoint.string(), options);
  if (!loaded) return tl::unexpected(loaded.error());
  auto inputs = read_tensors(folder_ / "inputs.safetensors");
  for (auto& [name, tensor] : inputs) tensor = tensor.to(device);
  auto outputs = family_module(family_).run(*loaded->model, loaded->report.config, inputs);
  if (!outputs) return outputs;
  for (auto& [name, tensor] : *outputs) tensor = tensor.to(at::kCPU);
  return outputs;
}

Result<NamedTensors> Golden::outputs(c10::Device device) const { return run(folder_ / "checkpoint.safetensors", set_, device); }

Result<NamedTensors> Golden::outputs_of(const Mutant& mutant) const {
  auto set = set_;
  for (const auto& item : mutant.set.items()) set.set(item.key, item.value, item.origin);
  if (mutant.swap.empty()) return run(folder_ / "checkpoint.safetensors", set);
  const TempDir temp;
  const auto swapped = temp.path() / "checkpoint.safetensors";
  swap_tensors(folder_ / "checkpoint.safetensors", swapped, mutant.swap);
  return run(swapped, set);
}

double Golden::error(const NamedTensors& outputs) const {
  double worst = 0;
  for (const auto& [name, expected] : read_tensors(folder_ / "expected.safetensors")) {
    const auto found = outputs.find(name);
    if (found == outputs.end() || found->second.sizes() != expected.sizes()) return std::numeric_limits<double>::infinity();
    const auto difference = (found->second.to(at::kFloat) - expected).abs().max().item<double>();
    const auto part = difference / expected.abs().max().item<double>();
    worst = std::max(worst, std::isnan(part) ? std::numeric_limits<double>::infinity() : part);
  }
  return worst;
}

void swap_tensors(const std::filesystem::path& from,
                  const std::filesystem::path& to,
                  const std::vector<std::pair<std::string, std::string>>& pairs) {
  const auto bytes = read_text(from);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof(length));
  auto header = Json::parse(bytes.substr(sizeof(length), length));
  for (const auto& [a, b] : pairs) std::swap(header.at(a).at("data_offsets"), header.at(b).at("data_offsets"));
  auto text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const auto size = static_cast<std::uint64_t>(text.size());
  std::ofstream out(to, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&size), sizeof(size));
  out << text << bytes.substr(sizeof(length) + length);
  if (!out.flush()) throw std::runtime_error("cannot write " + to.string());
}

}  // namespace tenon::test
