# Precompiled headers: each is built once, by a target of its own, for all that use it.

# tenon_precompile(<name> <library>...): cmake/precompiled/<name>.h, as seen by a target that links these.
function(tenon_precompile name)
  set(target tenon_precompiled_${name})
  set(header ${PROJECT_SOURCE_DIR}/cmake/precompiled/${name}.h)
  add_library(${target} OBJECT ${PROJECT_SOURCE_DIR}/cmake/precompiled/owner.cpp)
  target_link_libraries(${target} PRIVATE tenon_options ${ARGN})
  target_precompile_headers(${target} PRIVATE ${header})
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)

  # gcc writes other bytes each time, and ccache would take each for another header. It goes by this sum instead (with
  # CCACHE_PCH_EXTSUM), and can cache what uses the header when the preprocessor mentions it (-fpch-preprocess).
  set(texts "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} ${TENON_LIBTORCH}")
  file(GLOB headers ${PROJECT_SOURCE_DIR}/cmake/precompiled/*.h)
  set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${headers})
  foreach(path IN LISTS headers)
    file(SHA256 ${path} sum)
    string(APPEND texts " ${sum}")
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${target}.dir/cmake_pch.hxx.gch.sum CONTENT "${texts}\n")
endfunction()

function(tenon_use_precompiled target name)
  target_precompile_headers(${target} REUSE_FROM tenon_precompiled_${name})
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endfunction()
