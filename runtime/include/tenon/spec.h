// Stage "expect": what a module needs, read off its own tree.
#pragma once

#include <string>
#include <vector>

#include <tenon/shape.h>

namespace [[gnu::visibility("default")]] tenon {

struct ExpectedTensor {
  std::string name;                  // the first of its names, natural order
  std::vector<std::string> aliases;  // tied parameters: one tensor, several names
  TensorType type;                   // a float parameter takes any float dtype of the file
  bool buffer = false;
};

struct ModelSpec {
  std::vector<ExpectedTensor> tensors;  // natural order
};

}  // namespace tenon
