# tenon: the half that builds and runs modules with LibTorch.

add_library(tenon_usage INTERFACE)
target_link_libraries(tenon_usage INTERFACE tenon_core tenon::libtorch)
add_library(tenon_private INTERFACE)
target_link_libraries(tenon_private INTERFACE tenon_core_private)

# A model's header is public: models/vit/vit.h is <tenon/models/vit/vit.h> here as in an installed tree.
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/generated/models/tenon)
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/models ${PROJECT_BINARY_DIR}/generated/models/tenon/models SYMBOLIC)
target_include_directories(tenon_usage INTERFACE ${PROJECT_BINARY_DIR}/generated/models)

# One precompiled header for every target of this half; it costs 16 s and 500 MB, so nobody makes a second.
add_library(tenon_precompiled OBJECT ${PROJECT_SOURCE_DIR}/cmake/precompiled.cpp)
target_link_libraries(tenon_precompiled PRIVATE tenon_options tenon_usage tenon_private)
target_include_directories(tenon_precompiled PRIVATE ${PROJECT_SOURCE_DIR}/cmake)
target_precompile_headers(tenon_precompiled PRIVATE <precompiled.h>)
target_compile_options(tenon_precompiled PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)

# gcc writes other bytes each time, and ccache would take each for another header. It goes by this sum instead (with
# CCACHE_PCH_EXTSUM), and can cache what uses the header when the preprocessor mentions it (-fpch-preprocess).
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/precompiled.h)
file(SHA256 ${PROJECT_SOURCE_DIR}/cmake/precompiled.h sum)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/CMakeFiles/tenon_precompiled.dir/cmake_pch.hxx.gch.sum
  CONTENT "${sum} ${TENON_LIBTORCH} ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}\n")

function(tenon_use_precompiled target)
  target_precompile_headers(${target} REUSE_FROM tenon_precompiled)
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endfunction()

tenon_sources(models models/*/*.cpp)
list(FILTER models EXCLUDE REGEX "/tables[^/]*[.]cpp$")
tenon_sources(nn runtime/nn/*.cpp)
tenon_sources(build runtime/build/*.cpp)
list(APPEND models ${TENON_FAMILY_MODULES_SOURCES})
foreach(room IN ITEMS nn build models)
  if(${room})
    tenon_room(tenon ${room} ${${room}})
    tenon_use_precompiled(tenon_${room})
  endif()
endforeach()
# Layers and models are public whole.
set_target_properties(tenon_nn tenon_models PROPERTIES CXX_VISIBILITY_PRESET default)

tenon_library(tenon tenon)
target_link_libraries(tenon
  PUBLIC $<INSTALL_INTERFACE:tenon::core> $<INSTALL_INTERFACE:tenon::libtorch>
  PRIVATE ZLIB::ZLIB)
