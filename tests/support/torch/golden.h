// Holds tenon against what a reference library computed: tests/golden/README.md says what a golden is.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <c10/core/Device.h>

#include <tenon/family_module.h>
#include <tenon/value.h>

namespace tenon::test {

/// The tensors of a safetensors file; throws when it cannot be read.
[[nodiscard]] NamedTensors read_tensors(const std::filesystem::path& path);

/// Names of the goldens of a family: the folders of tests/golden/<family> that hold a golden.json.
[[nodiscard]] std::vector<std::string> golden_names(const std::string& family);

[[nodiscard]] std::filesystem::path golden_folder(const std::string& family, const std::string& name);
/// A family that tenon builds; throws for another name.
[[nodiscard]] const FamilyModule& family_module(const std::string& name);

/// Pairs of file tensors to exchange.
using Swaps = std::vector<std::pair<std::string, std::string>>;

class Golden {
 public:
  /// `folder`: below tests/golden.
  Golden(const std::string& folder, const std::string& name);

  struct Mutant {
    std::string name;
    Config set;                            // in place of the right values
    Swaps swap;                            // in the checkpoint
    std::map<std::string, Swaps> swap_in;  // in the file of a partner, by role
    std::string as;                        // "family/variant" in place of the right one
    std::map<std::string, std::vector<float>> inputs;  // other values, by input
  };
  /// Those whose recipe can be followed from outside.
  [[nodiscard]] std::vector<Mutant> mutants() const;

  /// Another run of the same inputs, with results of its own.
  struct Also {
    std::string as;
    Config set;
    std::string expected;  // file name
  };
  [[nodiscard]] const std::vector<Also>& also() const { return also_; }

  /// Loads the checkpoint through load_any in F32, with the config values that weights cannot tell, and runs the inputs on
  /// the device. The outputs are on the CPU.
  [[nodiscard]] Result<NamedTensors> outputs(c10::Device device = c10::kCPU) const;
  [[nodiscard]] Result<NamedTensors> outputs_of(const Mutant& mutant) const;
  [[nodiscard]] Result<NamedTensors> outputs_of(const Also& run) const;

  /// The largest error of any output, as a part of that output's largest magnitude; infinite where an output is missing
  /// or has another shape.
  [[nodiscard]] double error(const NamedTensors& outputs, const std::string& expected = "expected.safetensors") const;
  [[nodiscard]] double tolerance() const { return tolerance_; }
  /// The config values that weights cannot tell.
  [[nodiscard]] const Config& set() const { return set_; }

 private:
  /// What one run takes beside the inputs.
  struct Setting {
    std::filesystem::path checkpoint;
    std::map<std::string, std::string> with;  // role -> path
    std::string as;
    Config set;
    std::map<std::string, std::vector<float>> inputs = {};
  };
  [[nodiscard]] Setting right() const;
  [[nodiscard]] Result<NamedTensors> run(const Setting& setting, c10::Device device = c10::kCPU) const;

  std::filesystem::path folder_;
  std::string checkpoint_;
  std::map<std::string, std::string> with_;  // role -> file name
  std::string as_;
  Config set_;
  double tolerance_ = 0;
  std::vector<Mutant> mutants_;
  std::vector<Also> also_;
};

/// A safetensors file at `to` with the tensors of the checkpoint `from`, in which pairs of equal shape are exchanged.
void swap_tensors(const std::filesystem::path& from, const std::filesystem::path& to, const Swaps& pairs);

}  // namespace tenon::test
