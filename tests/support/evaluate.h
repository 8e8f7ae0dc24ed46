// Row expressions on numbers: the plainest possible meaning of each operation, to hold the tables against.
#pragma once

#include <vector>

#include <tenon/checkpoint.h>
#include <tenon/mapping.h>

namespace tenon::test {

struct Numbers {
  Shape shape;
  std::vector<float> values;
  bool operator==(const Numbers&) const = default;
};

[[nodiscard]] Numbers evaluate(const Expr& expr, const std::vector<Numbers>& sources);

}  // namespace tenon::test
