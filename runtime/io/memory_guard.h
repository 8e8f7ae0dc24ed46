// No memory is something a file can cause, so it becomes an error value at the edge of a stage.
#pragma once

#include <new>
#include <stdexcept>
#include <string>

#include <tenon/error.h>

#include "runtime/io/text.h"

namespace tenon::io {

/// Never throws: where not even the message fits, a shorter one that needs no memory takes its place.
[[nodiscard]] inline Failure out_of_memory(const std::string& file) {
  try {
    return refuse(ErrorKind::kOutOfMemory, "IO-MEMORY", {.file = file}, "no memory", "nothing was loaded");
  } catch (const std::bad_alloc&) {
    return fail(ErrorKind::kOutOfMemory, "IO-MEMORY", "no memory");  // both texts fit a string without allocation
  }
}

/// Runs `stage`, which gives a Result, and turns std::bad_alloc into IO-MEMORY.
template <class Stage>
[[nodiscard]] auto guard_memory(const std::string& file, Stage stage) -> decltype(stage()) {
  try {
    return stage();
  } catch (const std::bad_alloc&) {
    return out_of_memory(file);
  } catch (const std::length_error&) {  // a size that no allocation can have
    return out_of_memory(file);
  }
}

}  // namespace tenon::io
