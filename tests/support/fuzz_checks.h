// What every fuzz target holds an answer against.
#pragma once

#include <cstdint>
#include <string_view>

#include <tenon/checkpoint.h>
#include <tenon/error.h>

namespace tenon::test {

/// Aborts, naming the promise, unless it held.
void require(bool held, const char* promise);
/// One line of printable ASCII, at most 512 bytes, that ends in its code.
void check_error(const Error& error);
/// The tensor lies inside its storage, and that inside the file, by 128-bit arithmetic.
void check_tensor(const TensorEntry& entry, std::uint64_t file_bytes);

// The targets that go beyond one container.
void fuzz_policy(std::string_view bytes);
void fuzz_tables(std::string_view bytes);
void fuzz_config(std::string_view bytes);
void fuzz_report(std::string_view bytes);

}  // namespace tenon::test
