// The one place where LibTorch's exceptions become values.
#pragma once

#include <exception>
#include <string_view>
#include <utility>

#include <tenon/error.h>

namespace tenon::loading {

/// The exception being handled, as an error: out of memory (kOutOfMemory), a device (kDevice), anything else (kDevice too,
/// since everything that a file can cause was checked before). `doing` begins the message: "building the module".
[[nodiscard]] Error translate_current_exception(std::string_view doing);

/// Runs `work`, which gives a Result, and turns what LibTorch throws into an error.
template <class Work>
auto guarded(std::string_view doing, Work&& work) -> decltype(work()) {
  try {
    return std::forward<Work>(work)();
  } catch (...) {
    return tl::unexpected(translate_current_exception(doing));
  }
}

}  // namespace tenon::loading
