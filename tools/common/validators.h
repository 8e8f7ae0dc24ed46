// What the values of options must look like; each says in one line what is wrong.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace tenon::tools {

/// A value out of a short list, with a suggestion where the value looks like a typing error.
[[nodiscard]] CLI::Validator one_of(std::vector<std::string> choices);
[[nodiscard]] CLI::Validator not_negative();
/// cpu, cuda, cuda:0 ... cuda:99; no leading zeros, which LibTorch refuses by throwing.
[[nodiscard]] CLI::Validator device_name();
[[nodiscard]] CLI::Validator sha256_digits();

}  // namespace tenon::tools
