# tenon::libtorch out of TENON_TORCH_ROOT (a variable or the environment), or out of the pinned wheels when that is not
# set. Plain imported targets: the wheel's own find_package(Torch) asks for a CUDA toolkit, which a CPU link does not need.

set(TENON_TORCH_ROOT "$ENV{TENON_TORCH_ROOT}" CACHE PATH
  "A LibTorch or the folder of a Python torch package; empty: the pinned one")
set(TENON_LIBTORCH ${TENON_TORCH_ROOT})
if(NOT TENON_LIBTORCH)
  execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/fetch-libtorch
    OUTPUT_VARIABLE TENON_LIBTORCH OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "LibTorch was not found; the lines above say why and what to do.")
  endif()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/libtorch.txt)
endif()

foreach(file IN ITEMS lib/libtorch_cpu.so lib/libc10.so include/torch/csrc/api/include/torch/version.h)
  if(NOT EXISTS ${TENON_LIBTORCH}/${file})
    message(FATAL_ERROR "LibTorch: ${TENON_LIBTORCH} has no ${file}. "
      "Set TENON_TORCH_ROOT to an unpacked LibTorch or to the folder of a Python torch package.")
  endif()
endforeach()

if(NOT TARGET tenon::libtorch)
  add_library(tenon::c10 SHARED IMPORTED)
  set_target_properties(tenon::c10 PROPERTIES IMPORTED_LOCATION ${TENON_LIBTORCH}/lib/libc10.so)
  add_library(tenon::torch_cpu SHARED IMPORTED)
  set_target_properties(tenon::torch_cpu PROPERTIES IMPORTED_LOCATION ${TENON_LIBTORCH}/lib/libtorch_cpu.so)
  add_library(tenon::libtorch INTERFACE IMPORTED)
  # LibTorch's include folder also holds headers of what it was built from. It is searched last, or its <fmt/...> would hide
  # the one that spdlog and the host were built with.
  target_include_directories(tenon::libtorch SYSTEM INTERFACE ${TENON_LIBTORCH}/include/torch/csrc/api/include)
  target_compile_options(tenon::libtorch INTERFACE "SHELL:-idirafter ${TENON_LIBTORCH}/include")
  # libtorch_cpu.so of a CUDA wheel needs CUDA libraries that its own run path finds when the program starts.
  target_link_options(tenon::libtorch INTERFACE -Wl,--allow-shlib-undefined)
  target_link_libraries(tenon::libtorch INTERFACE tenon::torch_cpu tenon::c10)
endif()
