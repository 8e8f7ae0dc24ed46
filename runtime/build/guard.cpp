#include "runtime/build/guard.h"

#include <new>
#include <string>

#include <c10/util/Exception.h>

#include "runtime/io/text.h"

namespace tenon::loading {
namespace {

Error error(ErrorKind kind, std::string_view code, std::string_view doing, std::string_view what, std::string remedy) {
  const auto line = what.substr(0, what.find('\n'));
  return {kind,
          std::string(code),
          std::string(doing) + ": " + io::escape(line, 300) + " [" + std::string(code) + "]",
          std::move(remedy),
          nullptr};
}

}  // namespace

Error translate_current_exception(std::string_view doing) {
  const std::string memory_remedy = "free memory, or load with a narrower --dtype";
  try {
    throw;
  } catch (const c10::OutOfMemoryError& e) {
    return error(ErrorKind::kOutOfMemory, "TN-MEMORY", doing, e.what_without_backtrace(), memory_remedy);
  } catch (const c10::Error& e) {
    const std::string_view what = e.what_without_backtrace();
    // The CPU allocator reports what it cannot get as a plain error.
    if (what.find("not enough memory") != std::string_view::npos || what.find("can't allocate memory") != std::string_view::npos) {
      return error(ErrorKind::kOutOfMemory, "TN-MEMORY", doing, what, memory_remedy);
    }
    return error(ErrorKind::kDevice, "TN-DEVICE", doing, what, {});
  } catch (const std::bad_alloc&) {
    return error(ErrorKind::kOutOfMemory, "TN-MEMORY", doing, "the system gave no more memory", memory_remedy);
  } catch (const std::exception& e) {
    return error(ErrorKind::kDevice, "TN-DEVICE", doing, e.what(), {});
  }
}

}  // namespace tenon::loading
