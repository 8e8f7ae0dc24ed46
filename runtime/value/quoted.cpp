#include "runtime/value/quoted.h"

#include "runtime/io/text.h"

namespace tenon {

std::string quoted(const Value& value) {
  const auto* const text = value.as_string();
  return text != nullptr ? io::quoted(*text) : io::escape(to_string(value));
}

}  // namespace tenon
