// Where a test finds its files.
#pragma once

#include <filesystem>

namespace tenon::test {

// The root of the repository.
std::filesystem::path source_dir();

// The build folder of this configuration; programs are in its bin/ and libexec/tenon/.
std::filesystem::path build_dir();

}  // namespace tenon::test
