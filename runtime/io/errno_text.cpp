#include "runtime/io/errno_text.h"

#include <cstring>

namespace tenon::io {

std::string errno_text(int error) {
  const char* const text = ::strerrordesc_np(error);
  return text != nullptr ? text : "error " + std::to_string(error);
}

}  // namespace tenon::io
