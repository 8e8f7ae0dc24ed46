// The core half alone: no LibTorch is compiled, linked or loaded.
#include <iostream>

#include <tenon/checkpoint.h>
#include <tenon/identify.h>

#include "example_file.h"

int main(int, char** argv) {
  const std::string path = std::string(argv[1]) + "/core.safetensors";
  write_example(path);
  auto checkpoint = tenon::open_checkpoint(path);
  REQUIRE(checkpoint);
  REQUIRE((*checkpoint)->tensors.size() == 4);
  auto identity = tenon::identify(**checkpoint, *tenon::builtin_tables());
  REQUIRE(identity && identity->status == tenon::IdentityStatus::kUnknown);
  std::cout << "ok\n";
}
