// One tensor's way through the mapping, both directions.
#pragma once

#include <string>
#include <vector>

#include <tenon/error.h>
#include <tenon/shape.h>

namespace tenon::tools {

struct NamedType {
  std::string name;
  TensorType type;
};

/// What one layout calls a tensor of the model when it is written.
struct Spelling {
  std::string layout;
  std::vector<NamedType> tensors;
  std::vector<std::vector<std::string>> ops;  // one list a tensor
};

/// A tensor of the model and where it comes from; without a target, a tensor of the file that the model does not take.
struct TensorWay {
  std::string target;
  TensorType type;
  std::vector<NamedType> from;
  std::vector<std::string> ops;
  std::string rule;
  std::string reason;  // why there is no target
  std::vector<Spelling> layouts;
};

struct Explanation {
  std::string family;
  std::string layout;
  std::vector<TensorWay> ways;  // a file tensor may go into several tensors of the model
};

/// `name` is a name in the file or the model's own. TN-TENSOR (kUsage) where it is neither.
[[nodiscard]] Result<Explanation> explain_tensor(const std::string& name, const std::string& checkpoint);

}  // namespace tenon::tools
