#include "tests/support/torch/golden.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <stdexcept>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <nlohmann/json.hpp>

#include <tenon/checkpoint.h>
#include <tenon/load.h>
#include <tenon/nn/spec_of.h>

#include "runtime/build/save.h"
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

void overlay(Config& config, const Config& above) {
  for (const auto& item : above.items()) config.set(item.key, item.value, item.origin);
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

Golden::Golden(const std::string& folder, const std::string& name) : folder_(golden_folder(folder, name)) {
  const auto json = Json::parse(read_text(folder_ / "golden.json"));
  checkpoint_ = json.value("checkpoint", "checkpoint.safetensors");
  tolerance_ = json.at("tolerance").get<double>();
  with_ = json.value("with", with_);
  as_ = json.value("as", "");
  set_ = config_of(json.value("set", Json::object()));
  overlay(set_, config_of(json.value("run", Json::object())));
  for (const auto& recipe : json.value("mutants", Json::array())) {
    Mutant mutant{recipe.at("name").get<std::string>(),
                  config_of(recipe.value("set", Json::object())),
                  recipe.value("swap", Swaps()),
                  recipe.value("swap_in", std::map<std::string, Swaps>()),
                  recipe.value("as", ""),
                  recipe.value("inputs", std::map<std::string, std::vector<float>>())};
    const bool has_recipe =
        !mutant.set.items().empty() || !mutant.swap.empty() || !mutant.swap_in.empty() || !mutant.as.empty() || !mutant.inputs.empty();
    if (has_recipe) mutants_.push_back(std::move(mutant));
  }
  for (const auto& run : json.value("also", Json::array())) {
    also_.push_back({run.value("as", ""), config_of(run.value("set", Json::object())), run.at("expected").get<std::string>()});
  }
}

std::vector<Golden::Mutant> Golden::mutants() const { return mutants_; }

Golden::Setting Golden::right() const {
  Setting setting{folder_ / checkpoint_, {}, as_, set_, {}};
  for (const auto& [role, file] : with_) setting.with[role] = (folder_ / file).string();
  return setting;
}

Result<NamedTensors> Golden::run(const Setting& setting, c10::Device device) const {
  LoadOptions options;
  options.device = device;
  options.dtype = DType::kF32;
  options.set = setting.set;
  options.with = setting.with;
  const auto slash = setting.as.find('/');
  options.family = setting.as.substr(0, slash);
  if (slash != std::string::npos) options.variant = setting.as.substr(slash + 1);
  const auto loaded = load_any(setting.checkpoint.string(), options);
  if (!loaded) return tl::unexpected(loaded.error());
  auto inputs = read_tensors(folder_ / "inputs.safetensors");
  for (const auto& [name, values] : setting.inputs) {
    auto& input = inputs.at(name);
    input = at::tensor(at::ArrayRef<float>(values)).view(input.sizes());
  }
  for (auto& [name, tensor] : inputs) tensor = tensor.to(device);
  auto outputs = family_module(loaded->report.family).run(*loaded->model, loaded->report.config, inputs);
  if (!outputs) return outputs;
  for (auto& [name, tensor] : *outputs) tensor = tensor.to(at::kCPU);
  return outputs;
}

Result<NamedTensors> Golden::outputs(c10::Device device) const { return run(right(), device); }

Result<NamedTensors> Golden::outputs_of(const Mutant& mutant) const {
  auto setting = right();
  overlay(setting.set, mutant.set);
  if (!mutant.as.empty()) setting.as = mutant.as;
  setting.inputs = mutant.inputs;
  const TempDir temp;
  if (!mutant.swap.empty()) {
    const auto swapped = temp.path() / "checkpoint.safetensors";
    swap_tensors(setting.checkpoint, swapped, mutant.swap);
    setting.checkpoint = swapped;
  }
  for (const auto& [role, pairs] : mutant.swap_in) {
    const auto swapped = temp.path() / (role + ".safetensors");
    swap_tensors(setting.with.at(role), swapped, pairs);
    setting.with[role] = swapped.string();
  }
  return run(setting);
}

Result<NamedTensors> Golden::outputs_of(const Also& also) const {
  auto setting = right();
  overlay(setting.set, also.set);
  if (!also.as.empty()) setting.as = also.as;
  return run(setting);
}

double Golden::error(const NamedTensors& outputs, const std::string& expected_file) const {
  double worst = 0;
  for (const auto& [name, expected] : read_tensors(folder_ / expected_file)) {
    const auto found = outputs.find(name);
    if (found == outputs.end() || found->second.sizes() != expected.sizes()) return std::numeric_limits<double>::infinity();
    const auto difference = (found->second.to(at::kFloat) - expected).abs().max().item<double>();
    const auto part = difference / expected.abs().max().item<double>();
    worst = std::max(worst, std::isnan(part) ? std::numeric_limits<double>::infinity() : part);
  }
  return worst;
}

void swap_tensors(const std::filesystem::path& from, const std::filesystem::path& to, const Swaps& pairs) {
  auto tensors = read_tensors(from);
  for (const auto& [a, b] : pairs) {
    if (tensors.at(a).sizes() != tensors.at(b).sizes()) throw std::runtime_error(a + " and " + b + " differ in shape");
    std::swap(tensors.at(a), tensors.at(b));
  }
  const auto saved = loading::save_safetensors(to.string(), tensors);
  if (!saved) throw std::runtime_error(saved.error().message);
}

}  // namespace tenon::test
