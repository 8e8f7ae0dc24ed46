#include <tenon/error.h>

#include <ostream>

namespace tenon {

std::ostream& operator<<(std::ostream& out, const Error& error) {
  out << error.message;
  if (!error.remedy.empty()) out << "\n  " << error.remedy;
  return out;
}

}  // namespace tenon
