#include <utility>

#include "runtime/mapping/yaml_node.h"

namespace tenon {

Value YamlNode::to_value() const {
  if (kind == Kind::kScalar) return quoted ? Value(text) : parse_value(text);
  if (kind != Kind::kSequence) return Value(nullptr);
  Value::List list;
  for (const YamlNode& item : items) list.push_back(item.to_value());
  return Value(std::move(list));
}

}  // namespace tenon
