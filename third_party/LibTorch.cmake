# tenon::libtorch out of TENON_TORCH_ROOT, or out of the pinned wheels when that is not set.
# Plain imported targets: the wheel's own find_package(Torch) asks for a CUDA toolkit, which a CPU link does not need.

set(TENON_TORCH_ROOT "$ENV{TENON_TORCH_ROOT}" CACHE PATH "A LibTorch or a Python torch package folder; empty: the pinned one")
if(NOT TENON_TORCH_ROOT)
  execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/fetch-libtorch
    OUTPUT_VARIABLE TENON_TORCH_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "LibTorch was not found; the lines above say why and what to do.")
  endif()
endif()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/libtorch.txt)

foreach(file IN ITEMS lib/libtorch_cpu.so lib/libc10.so include/torch/csrc/api/include/torch/version.h)
  if(NOT EXISTS ${TENON_TORCH_ROOT}/${file})
    message(FATAL_ERROR "TENON_TORCH_ROOT=${TENON_TORCH_ROOT} has no ${file}; "
      "it must be an unpacked LibTorch or the folder of a Python torch package.")
  endif()
endforeach()
message(STATUS "LibTorch: ${TENON_TORCH_ROOT}")

add_library(tenon_c10 SHARED IMPORTED GLOBAL)
set_target_properties(tenon_c10 PROPERTIES IMPORTED_LOCATION ${TENON_TORCH_ROOT}/lib/libc10.so)
add_library(tenon_torch_cpu SHARED IMPORTED GLOBAL)
set_target_properties(tenon_torch_cpu PROPERTIES IMPORTED_LOCATION ${TENON_TORCH_ROOT}/lib/libtorch_cpu.so)

add_library(tenon_libtorch INTERFACE)
add_library(tenon::libtorch ALIAS tenon_libtorch)
target_include_directories(tenon_libtorch SYSTEM INTERFACE
  ${TENON_TORCH_ROOT}/include ${TENON_TORCH_ROOT}/include/torch/csrc/api/include)
target_link_libraries(tenon_libtorch INTERFACE tenon_torch_cpu tenon_c10)
# libtorch_cpu.so of a CUDA wheel needs CUDA libraries that its own run path finds when the program starts.
target_link_options(tenon_libtorch INTERFACE -Wl,--allow-shlib-undefined)
