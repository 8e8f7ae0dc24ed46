#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <tenon/load.h>

#include "tests/support/temp_dir.h"
#include "tests/support/torch/golden.h"

namespace tenon {
namespace {

std::string plain_name(const testing::TestParamInfo<std::string>& instance) { return instance.param; }

/// A golden with what else its run asks for: a policy, another family, a narrower type.
class Requested {
 public:
  explicit Requested(const std::string& name) : golden_("clip", name), folder_(test::golden_folder("clip", name)) {
    std::ifstream file(folder_ / "golden.json");
    json_ = nlohmann::json::parse(file);
  }

  [[nodiscard]] Result<NamedTensors> outputs(DType dtype = DType::kF32) const {
    return run(folder_ / "checkpoint.safetensors", golden_.set(), dtype);
  }

  [[nodiscard]] Result<NamedTensors> outputs_of(const test::Golden::Mutant& mutant) const {
    auto set = golden_.set();
    for (const auto& item : mutant.set.items()) set.set(item.key, item.value, item.origin);
    if (mutant.swap.empty()) return run(folder_ / "checkpoint.safetensors", set, DType::kF32);
    const test::TempDir temp;
    test::swap_tensors(folder_ / "checkpoint.safetensors", temp.path() / "checkpoint.safetensors", mutant.swap);
    return run(temp.path() / "checkpoint.safetensors", set, DType::kF32);
  }

  /// By output: the largest error, as a part of the output's largest magnitude.
  [[nodiscard]] std::map<std::string, double> errors(const NamedTensors& outputs) const {
    std::map<std::string, double> errors;
    for (const auto& [name, expected] : test::read_tensors(folder_ / "expected.safetensors")) {
      const auto found = outputs.find(name);
      errors[name] = std::numeric_limits<double>::infinity();
      if (found == outputs.end() || found->second.sizes() != expected.sizes()) continue;
      const auto worst = (found->second.to(at::kFloat) - expected).abs().max().item<double>();
      if (!std::isnan(worst)) errors[name] = worst / expected.abs().max().item<double>();
    }
    return errors;
  }

  /// The reference's own errors when it computes in a narrower type.
  [[nodiscard]] std::map<std::string, double> reference_errors(DType dtype) const {
    return json_.at("narrow").at(std::string(dtype_name(dtype))).get<std::map<std::string, double>>();
  }

  [[nodiscard]] const test::Golden& golden() const { return golden_; }

 private:
  [[nodiscard]] Result<NamedTensors> run(const std::filesystem::path& checkpoint, const Config& set, DType dtype) const {
    LoadOptions options;
    options.family = json_.value("as", "");
    options.policy = policy_preset(json_.value("policy", "strict")).value();
    options.dtype = dtype;
    options.set = set;
    const auto loaded = load_any(checkpoint.string(), options);
    if (!loaded) return tl::unexpected(loaded.error());
    const auto inputs = test::read_tensors(folder_ / "inputs.safetensors");
    return test::family_module(loaded->report.family).run(*loaded->model, loaded->report.config, inputs);
  }

  test::Golden golden_;
  std::filesystem::path folder_;
  nlohmann::json json_;
};

class ClipGolden : public testing::TestWithParam<std::string> {};

TEST_P(ClipGolden, ComputesWhatTheReferenceComputes) {
  const Requested requested(GetParam());
  const auto outputs = requested.outputs();
  ASSERT_TRUE(outputs) << outputs.error().message << "\n" << outputs.error().remedy;
  EXPECT_LE(requested.golden().error(*outputs), requested.golden().tolerance());
}

TEST_P(ClipGolden, WouldNoticeAMistake) {
  const Requested requested(GetParam());
  ASSERT_FALSE(requested.golden().mutants().empty());
  for (const auto& mutant : requested.golden().mutants()) {
    const auto outputs = requested.outputs_of(mutant);
    ASSERT_TRUE(outputs) << mutant.name << ": " << outputs.error().message;
    EXPECT_GE(requested.golden().error(*outputs), 10 * requested.golden().tolerance()) << mutant.name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ClipGolden, testing::ValuesIn(test::golden_names("clip")), plain_name);

class ClipInNarrowTypes : public testing::TestWithParam<std::string> {};

TEST_P(ClipInNarrowTypes, IsAsCloseAsTheReference) {
  // Two ways round in a narrow type differ by about as much as each of them is off.
  constexpr double kTimesTheReferencesError = 2;
  const Requested requested(GetParam());
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    const auto outputs = requested.outputs(dtype);
    ASSERT_TRUE(outputs) << outputs.error().message;
    const auto allowed = requested.reference_errors(dtype);
    const auto errors = requested.errors(*outputs);
    ASSERT_EQ(allowed.size(), errors.size());
    for (const auto& [name, error] : errors) {
      EXPECT_LE(error, kTimesTheReferencesError * allowed.at(name)) << dtype_name(dtype) << " " << name;
      EXPECT_GT(error, 0) << name << " was not computed in " << dtype_name(dtype);
    }
  }
}

/// The bridge's goldens are timm's, in F32.
std::vector<std::string> narrow_goldens() {
  auto names = test::golden_names("clip");
  std::erase_if(names, [](const std::string& name) { return name.starts_with("bridge_"); });
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, ClipInNarrowTypes, testing::ValuesIn(narrow_goldens()), plain_name);

/// A module of somebody's own, with the names and shapes of a file.
class Stranger : public torch::nn::Module {
 public:
  explicit Stranger(const NamedTensors& tensors) {
    for (const auto& [name, tensor] : tensors) add(*this, name, tensor);
  }

 private:
  static void add(torch::nn::Module& module, const std::string& name, const at::Tensor& like) {
    const auto dot = name.find('.');
    if (dot == std::string::npos) {
      module.register_buffer(name, at::zeros_like(like));
      return;
    }
    const auto first = name.substr(0, dot);
    const auto children = module.named_children();
    const auto* child = children.find(first);
    add(child ? **child : *module.register_module(first, std::make_shared<Stranger>(NamedTensors())), name.substr(dot + 1), like);
  }
};

std::filesystem::path checkpoint_of(const std::string& golden) {
  return test::golden_folder("clip", golden) / "checkpoint.safetensors";
}

TEST(LoadInto, NamesBothLayoutsWhenTheFileIsTheOtherLibrarys) {
  for (const auto& [mine, other, layout, file_layout] :
       {std::array{"transformers_full", "open_clip_vit", "transformers", "open_clip"},
        std::array{"open_clip_vit", "transformers_full", "open_clip", "transformers"}}) {
    Stranger module(test::read_tensors(checkpoint_of(mine)));
    EXPECT_TRUE(load_into(module, checkpoint_of(mine).string())) << mine;
    const auto refused = load_into(module, checkpoint_of(other).string());
    ASSERT_FALSE(refused) << other;
    EXPECT_EQ(refused.error().code, "TN-D-LAYOUT");
    EXPECT_THAT(refused.error().message, testing::HasSubstr(std::string("the file is clip/custom (") + file_layout + " names)"));
    EXPECT_THAT(refused.error().message, testing::HasSubstr(std::string("the module is clip/custom (") + layout + " names)"));
    EXPECT_THAT(refused.error().remedy, testing::HasSubstr(std::string("--to ") + layout));
  }
}

}  // namespace
}  // namespace tenon
