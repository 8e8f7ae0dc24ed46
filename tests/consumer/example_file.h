// Writes the checkpoint that the examples load: net.0 is [2, 3], net.2 is [1, 2].
#pragma once

#include <cstdint>
#include <fstream>
#include <string>

// y = 10 * relu(x0 + 2 x1 + 3 x2 + 0.5) + 1 * relu(-x0) - 7, with `bias` as the name of the first bias.
inline void write_example(const std::string& path, const std::string& bias = "net.0.bias") {
  const float values[] = {1, 2, 3, -1, 0, 0, 0.5, 0, 10, 1, -7};
  std::string header = R"({"net.0.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},")" + bias +
                       R"(":{"dtype":"F32","shape":[2],"data_offsets":[24,32]},)"
                       R"("net.2.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[32,40]},)"
                       R"("net.2.bias":{"dtype":"F32","shape":[1],"data_offsets":[40,44]}})";
  header.append((8 - header.size() % 8) % 8, ' ');
  const std::uint64_t length = header.size();
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&length), sizeof length) << header;
  out.write(reinterpret_cast<const char*>(values), sizeof values);
}

inline constexpr float kExampleInput[] = {1, 1, 1};
inline constexpr float kExampleOutput = 58;  // 10 * 6.5 - 7

#define REQUIRE(condition)                                                          \
  if (!(condition)) {                                                               \
    std::cerr << __FILE__ << ':' << __LINE__ << ": not so: " << #condition << '\n'; \
    return 1;                                                                       \
  }
