// Holds tenon against what a reference library computed: tests/golden/README.md says what a golden is.
#pragma once

#include <filesystem>
#include <string>
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

class Golden {
 public:
  Golden(const std::string& family, const std::string& name);

  struct Mutant {
    std::string name;
    Config set;                                           // in place of the right values
    std::vector<std::pair<std::string, std::string>> swap;  // file tensors to exchange
  };
  /// Those whose recipe can be followed from outside.
  [[nodiscard]] std::vector<Mutant> mutants() const;

  /// Loads the checkpoint through load_any in F32, with the config values that weights cannot tell, and runs the inputs on
  /// the device. The outputs are on the CPU.
  [[nodiscard]] Result<NamedTensors> outputs(c10::Device device = c10::kCPU) const;
  [[nodiscard]] Result<NamedTensors> outputs_of(const Mutant& mutant) const;

  /// The largest error of any output, as a part of that output's largest magnitude; infinite where an output is missing
  /// or has another shape.
  [[nodiscard]] double error(const NamedTensors& outputs) const;
  [[nodiscard]] double tolerance() const { return tolerance_; }
  /// The config values that weights cannot tell.
  [[nodiscard]] const Config& set() const { return set_; }

 private:
  [[nodiscard]] Result<NamedTensors> run(const std::filesystem::path& checkpoint, const Config& set, c10::Device device = c10::kCPU) const;

  std::string family_;
  std::filesystem::path folder_;
  Config set_;
  double tolerance_ = 0;
  std::vector<Mutant> mutants_;
};

/// A copy of a safetensors file at `to` in which pairs of tensors have each other's bytes.
void swap_tensors(const std::filesystem::path& from,
                  const std::filesystem::path& to,
                  const std::vector<std::pair<std::string, std::string>>& pairs);

}  // namespace tenon::test
